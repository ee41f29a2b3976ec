"""Ceilings at the largest activation: nothing that was seen is clipped (Diehl et al., IJCNN 2015, model-based)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snnconv.convert.calibration.method import METHODS, Method

if TYPE_CHECKING:
    from torch import Tensor

    from snnconv.convert.calibration.observation import Observation

__all__ = ["Maximum", "maximum"]


def maximum(observation: Observation, total_levels: int) -> Tensor:
    """Return λ of each channel, `[C]`: the largest activation observed, whatever the number of levels."""
    return observation.scale.clone()


@METHODS.register("max")
class Maximum(Method):
    """Ceilings at the largest activation."""

    summary = "ceilings at the largest activation seen"
    place = 1
    ceilings = staticmethod(maximum)
