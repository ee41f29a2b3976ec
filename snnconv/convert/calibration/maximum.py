"""Ceilings at the largest activation: nothing that was seen is clipped (Diehl et al., IJCNN 2015, model-based)."""

from __future__ import annotations

from torch import Tensor

from snnconv.convert.calibration.observation import Observation

__all__ = ["maximum"]


def maximum(observation: Observation, total_levels: int) -> Tensor:
    """λ of each channel `[C]`: the largest that was observed, whatever the number of levels."""
    return observation.scale.clone()
