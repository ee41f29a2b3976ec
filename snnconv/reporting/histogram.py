"""Shares of values in equal bins, added up batch by batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Histogram", "Tally"]


@dataclass(frozen=True)
class Histogram:
    """Shares of values.

    Attributes:
        low: the lower edge of the first bin.
        width: of each bin.
        shares: of the values in each bin; the last bin holds its upper edge, too.
        below: share of the values below the first bin.
        above: share above the last.
    """

    low: float
    width: float
    shares: tuple[float, ...]
    below: float
    above: float

    @property
    def edges(self) -> list[float]:
        """Borders of the bins, one more than there are bins."""
        return [self.low + self.width * place for place in range(len(self.shares) + 1)]


class Tally:
    """Counts of values in equal bins.

    Args:
        low: the lower edge of the first bin.
        width: of each bin, above 0.
        bins: how many.
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
        """What was added, as shares; None where nothing was."""
        if not self.values:
            return None
        counts = tuple(count / self.values for count in self.counts.tolist())
        return Histogram(self.low, self.width, counts, self.below / self.values, self.above / self.values)
