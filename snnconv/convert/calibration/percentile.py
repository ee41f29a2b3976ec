"""Ceilings at a percentile of the activations that are above 0 (Rueckauer et al., Frontiers 2017, section 2.2.2)."""

from __future__ import annotations

from torch import Tensor

from snnconv.convert.calibration.observation import BINS, Observation

__all__ = ["PERCENTILE", "percentile"]

PERCENTILE = 99.9  # the paper's


def percentile(observation: Observation, total_levels: int, share: float = PERCENTILE) -> Tensor:
    """λ of each channel `[C]`: `share` percent of its active values lie at or below it, to the width of a bin."""
    below = observation.histogram.cumsum(1)
    wanted = below[:, -1:] * (share / 100)
    found = (below < wanted).sum(1) + 1
    return (found.clamp(max=BINS) / BINS).to(observation.scale.dtype) * observation.scale
