"""Normalisations of which torch.nn has no module."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["LpNormalize"]


class LpNormalize(nn.Module):
    """`x / max(||x||, eps)` along an axis other than the batch's; 0 where all of x is 0.

    Args:
        axis: Axis along which the norm is taken.
        p: Order of the norm: sum of magnitudes, or root of the sum of squares.
        eps: Least number that is divided by; ONNX's operator has the one that is preset.
    """

    LEAST = 1e-12

    def __init__(self, axis: int, p: int = 2, eps: float = LEAST) -> None:
        super().__init__()
        self.axis = axis
        self.p = p
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to the same shape."""
        return F.normalize(x, float(self.p), self.axis, self.eps)

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"axis={self.axis}, p={self.p}, eps={self.eps}"
