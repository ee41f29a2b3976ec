"""Operations and energy by layer, of a network and of the plain network of the same layers."""

from __future__ import annotations

from snnconv.evaluate import Evaluation
from snnconv.model import Model
from snnconv.report.numbers import LayerCost

__all__ = ["layer_costs"]


def layer_costs(counted: Evaluation, model: Model) -> tuple[LayerCost, ...]:
    """What an evaluation counted, layer by layer."""
    return ()
