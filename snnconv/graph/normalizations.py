"""Normalisations of which torch.nn has no module."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["LpNormalize"]


class LpNormalize(nn.Module):
    """`x / ||x||` along an axis other than the batch's; 0 where all of x is 0.

    Args:
        axis: Axis along which the norm is taken.
        p: Order of the norm: sum of magnitudes, or root of the sum of squares.
    """

    LEAST = 1e-12  # that is divided by

    def __init__(self, axis: int, p: int = 2) -> None:
        super().__init__()
        self.axis = axis
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to the same shape."""
        return F.normalize(x, float(self.p), self.axis, self.LEAST)

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"axis={self.axis}, p={self.p}"
