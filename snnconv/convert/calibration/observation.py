"""The inputs of a site on the calibration images: a histogram a channel, in two halves of the images.

Everything that looks for a ceiling looks here, so that it costs the same whatever the number of images. The two halves
tell how much a channel's ceiling depends on which images were seen.
"""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor

__all__ = ["BINS", "OBSERVATIONS", "Observation"]

BINS = 2048  # of a channel's histogram: 32 bins a level at N = 64
OBSERVATIONS = 1 << 15  # a channel: more tell the error no better than to a percent
SILENT = 2.0**-106  # 1e-32: below it the levels of a ceiling may be no normal float32; such a channel was never active


class Observation:
    """Histograms of a site's activations.

    Args:
        largest: Largest activation of each channel over all images, `[C]`; the magnitude where the site is signed.
        cap: Value at which the activation saturates, for all channels or one a channel `[C]`; infinity for a ReLU.
        signed: True where activations below 0 count by their magnitude.
    """

    def __init__(self, largest: Tensor, cap: float | Tensor = math.inf, *, signed: bool = False) -> None:
        self.cap = cap.reshape(-1, 1) if isinstance(cap, Tensor) and cap.dim() else torch.as_tensor(cap)
        self.signed = signed
        self.alive = largest >= SILENT
        self.scale = torch.where(self.alive, torch.minimum(largest, self.cap.flatten()), torch.ones_like(largest))
        self.counts = torch.zeros(2, largest.numel(), BINS, dtype=torch.float64)

    def observe(self, values: Tensor, half: int = 0) -> None:
        """Count the active ones of `[C, M]` values that the site receives, for one half of the images."""
        channels = values.shape[0]
        magnitudes = values.abs() if self.signed else values
        relative = (torch.minimum(magnitudes, self.cap) / self.scale.unsqueeze(1)).clamp_(max=1.0)
        bins = (relative * BINS).ceil_().long() - 1 + torch.arange(channels).unsqueeze(1) * BINS
        active = (relative > 0) & self.alive.unsqueeze(1)
        counts = torch.bincount(bins[active], minlength=channels * BINS)
        self.counts[half] += counts.view(channels, BINS)
        self.__dict__.pop("histogram", None)

    @cached_property
    def histogram(self) -> Tensor:
        """The counts of all images, `[C, BINS]`; bin k holds activations from k to k+1 BINS-ths of `scale`."""
        return self.counts.sum(0)

    @staticmethod
    def centres() -> Tensor:
        """Return the middle of every bin, as a share of `scale`, `[BINS]`."""
        return (torch.arange(BINS, dtype=torch.float64) + 0.5) / BINS

    def half(self, index: int) -> Observation:
        """Return the observation of one half of the images."""
        part = self._like(self.scale, self.counts[index].any(1))
        part.counts[0] = self.counts[index]
        return part

    def pooled(self) -> Observation:
        """Return the observation of all channels as one."""
        scale = self.scale[self.alive].max() if bool(self.alive.any()) else self.scale.max()
        one = Observation(scale.reshape(1), self.cap.max(), signed=self.signed)
        bins = (self.centres() * self.scale.unsqueeze(1) / scale * BINS).clamp_(max=BINS - 1).long()
        one.counts[0, 0] = torch.bincount(bins.flatten(), self.histogram.flatten(), BINS)
        one.alive = self.alive.any().reshape(1)
        return one

    def _like(self, scale: Tensor, alive: Tensor) -> Observation:
        other = Observation(scale, self.cap.flatten() if self.cap.dim() else self.cap, signed=self.signed)
        other.scale, other.alive = scale, alive
        return other
