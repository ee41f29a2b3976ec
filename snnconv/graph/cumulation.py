"""Sums of all elements up to each one, along an axis."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["CumSum"]


class CumSum(nn.Module):
    """Sums of the elements up to each one along an axis other than the batch's.

    Args:
        axis: Axis along which they are summed.
        exclusive: True where an element is not part of its own sum.
        reverse: True where the elements from each one on are summed.
    """

    def __init__(self, axis: int, *, exclusive: bool = False, reverse: bool = False) -> None:
        super().__init__()
        self.axis = axis
        self.exclusive = exclusive
        self.reverse = reverse

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to the same shape."""
        elements = x.flip(self.axis) if self.reverse else x
        sums = torch.cumsum(elements, self.axis)
        if self.exclusive:
            sums = sums - elements
        return sums.flip(self.axis) if self.reverse else sums

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"axis={self.axis}, exclusive={self.exclusive}, reverse={self.reverse}"
