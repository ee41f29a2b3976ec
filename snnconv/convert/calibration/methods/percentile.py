"""Ceilings at a percentile of the activations that are above 0 (Rueckauer et al., Frontiers 2017, section 2.2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snnconv.convert.calibration.method import METHODS, Method

if TYPE_CHECKING:
    from torch import Tensor

    from snnconv.convert.calibration.observation import Observation

__all__ = ["PERCENTILE", "Percentile", "percentile"]

PERCENTILE = 99.9  # the paper's


def percentile(observation: Observation, total_levels: int, share: float = PERCENTILE) -> Tensor:
    """Return λ of each channel, `[C]`, at or below which `share` percent of its active values lie, to a bin's width."""
    below = observation.histogram.cumsum(1)
    bins = below.shape[1]
    edge = (below < below[:, -1:] * (share / 100)).sum(1) + 1
    return (edge.clamp(max=bins) / bins).to(observation.scale.dtype) * observation.scale


@METHODS.register("percentile")
class Percentile(Method):
    """Ceilings at a percentile."""

    summary = "ceilings at the 99.9th percentile of the active values"
    place = 2
    ceilings = staticmethod(percentile)
