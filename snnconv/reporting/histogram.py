"""Shares of values in equal bins, added up batch by batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["BinCounts", "Histogram"]


@dataclass(frozen=True)
class Histogram:
    """Shares of values in equal bins.

    Attributes:
        low: Lower edge of the first bin.
        width: Width of each bin.
        shares: Share of the values in each bin; the last bin holds its upper edge, too.
        below: Share of the values below the first bin.
        above: Share of the values above the last bin.
    """

    low: float
    width: float
    shares: tuple[float, ...]
    below: float
    above: float

    @property
    def edges(self) -> list[float]:
        """Return the borders of the bins, one more than there are bins."""
        return [self.low + self.width * place for place in range(len(self.shares) + 1)]


class BinCounts:
    """Counts of values in equal bins.

    Args:
        low: Lower edge of the first bin.
        width: Width of each bin, above 0.
        bins: Number of bins.
    """

    def __init__(self, low: float, width: float, bins: int) -> None:
        self.low, self.width = low, width
        self.counts = torch.zeros(bins, dtype=torch.int64)
        self.below = self.above = self.values = 0

    def add(self, x: Tensor) -> None:
        """Add values of any shape."""
        high = self.low + self.width * len(self.counts)
        self.values += x.numel()
        self.below += int((x < self.low).sum())
        self.above += int((x > high).sum())
        inside = x[(x >= self.low) & (x <= high)]
        places = ((inside - self.low) / self.width).floor().long().clamp_(max=len(self.counts) - 1)
        self.counts += torch.bincount(places.flatten(), minlength=len(self.counts)).cpu()

    def shares(self) -> Histogram | None:
        """Return the values that were added as shares; None where nothing was added."""
        if not self.values:
            return None
        counts = tuple(count / self.values for count in self.counts.tolist())
        return Histogram(self.low, self.width, counts, self.below / self.values, self.above / self.values)
