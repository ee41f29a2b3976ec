"""Ceilings by minimum squared error (SNN calibration, Li et al., ICML 2021, section 4.1), one a channel.

For each channel the ceiling λ_c that minimises the squared error of quantizing what the site receives,

    sum over observed z of (a - λ_c/N · clip(floor(a·N/λ_c + 1/2), 0, N))²        a = min(max(z, 0), cap)

is searched on a grid of fractions of the channel's largest activation. The observations are kept as a histogram a
channel, so that the search costs the same whatever the number of images.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["BINS", "FRACTIONS", "CeilingSearch"]

BINS = 2048  # of a channel's histogram: 32 bins a level at N = 64
FRACTIONS = torch.linspace(0.1, 1.0, 91)  # candidates, of the channel's largest activation
OBSERVATIONS = 1 << 16  # a channel: more tell the error no better than to a percent


class CeilingSearch:
    """Histograms of a site's activations, and the ceilings that fit them.

    Args:
        largest: the largest activation of each channel over all images, `[C]`.
        cap: where the rectifier saturates, for all channels or one a channel `[C]`; infinity for a ReLU.
    """

    def __init__(self, largest: Tensor, cap: float | Tensor = math.inf) -> None:
        self.cap = cap.reshape(-1, 1) if isinstance(cap, Tensor) and cap.dim() else torch.as_tensor(cap)
        self.alive = largest > 0
        self.scale = torch.where(self.alive, torch.minimum(largest, self.cap.flatten()), torch.ones_like(largest))
        self.histogram = torch.zeros(largest.numel(), BINS, dtype=torch.float64)

    def observe(self, values: Tensor) -> None:
        """Count the positive ones of `[C, M]` values that the site receives."""
        channels = values.shape[0]
        relative = (torch.minimum(values, self.cap) / self.scale.unsqueeze(1)).clamp_(max=1.0)
        bins = (relative * BINS).ceil_().long() - 1 + torch.arange(channels).unsqueeze(1) * BINS
        counts = torch.bincount(bins[relative > 0], minlength=channels * BINS)
        self.histogram += counts.view(channels, BINS)

    def ceilings(self, total_levels: int) -> Tensor:
        """λ of each channel, `[C]`. A channel that was never active gets the median of the others, within its cap."""
        centres = (torch.arange(BINS, dtype=torch.float64) + 0.5) / BINS
        steps = (FRACTIONS.double() / total_levels).unsqueeze(1)
        quantized = (centres / steps + 0.5).floor().clamp(0, total_levels) * steps
        error = self.histogram @ (quantized - centres).square().T
        found = FRACTIONS[error.argmin(1)] * self.scale
        if self.alive.any():
            median = torch.minimum(found[self.alive].median(), self.cap.flatten()).expand_as(found)
            found[~self.alive] = median[~self.alive]
        return found
