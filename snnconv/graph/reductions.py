"""Sums, norms and maxima over axes; maxima of several activations, element by element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Literal

import torch
from torch import Tensor, nn

__all__ = [
    "Extremum",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
    "Reduction",
]

_EXTREMA: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"max": torch.maximum, "min": torch.minimum}


class Reduction(nn.Module):
    """A function over axes other than the batch's."""

    def __init__(self, axes: Sequence[int], *, keepdims: bool) -> None:
        super().__init__()
        self.axes = tuple(axes)
        self.keepdims = keepdims

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"axes={self.axes}, keepdims={self.keepdims}"


class ReduceMean(Reduction):
    """Mean over axes other than the batch's."""

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]` without the axes, or with size 1 in their place."""
        return x.mean(self.axes, keepdim=self.keepdims)


class ReduceSum(Reduction):
    """Sum over axes other than the batch's."""

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]` without the axes, or with size 1 in their place."""
        return x.sum(self.axes, keepdim=self.keepdims)


class ReduceMax(Reduction):
    """Maximum over axes other than the batch's."""

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]` without the axes, or with size 1 in their place."""
        return x.amax(self.axes, keepdim=self.keepdims)


class ReduceMin(Reduction):
    """Minimum over axes other than the batch's."""

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]` without the axes, or with size 1 in their place."""
        return x.amin(self.axes, keepdim=self.keepdims)


class ReduceProd(Reduction):
    """Product over axes other than the batch's."""

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]` without the axes, or with size 1 in their place."""
        for axis in sorted(self.axes, reverse=True):
            x = x.prod(axis, keepdim=self.keepdims)
        return x


class ReduceL1(Reduction):
    """Sum of magnitudes over axes other than the batch's."""

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]` without the axes, or with size 1 in their place."""
        return x.abs().sum(self.axes, keepdim=self.keepdims)


class ReduceL2(Reduction):
    """Root of the sum of squares over axes other than the batch's."""

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]` without the axes, or with size 1 in their place."""
        norm: Tensor = torch.linalg.vector_norm(x, dim=self.axes, keepdim=self.keepdims)
        return norm


class ReduceSumSquare(Reduction):
    """Sum of squares over axes other than the batch's."""

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]` without the axes, or with size 1 in their place."""
        return x.square().sum(self.axes, keepdim=self.keepdims)


class ReduceLogSumExp(Reduction):
    """Logarithm of the sum of exponentials over axes other than the batch's."""

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]` without the axes, or with size 1 in their place."""
        return x.logsumexp(self.axes, keepdim=self.keepdims)


class Extremum(nn.Module):
    """The largest or the smallest of several activations, or of an activation and a constant, element by element.

    Args:
        kind: The largest or the smallest.
        constant: Constant operand, broadcast as numpy does; None where all operands are activations.
    """

    constant: nn.Parameter | None

    def __init__(self, kind: Literal["max", "min"], constant: nn.Parameter | None = None) -> None:
        super().__init__()
        self.kind = kind
        self.register_parameter("constant", constant)

    def forward(self, *xs: Tensor) -> Tensor:
        """Compute it, broadcast as numpy does."""
        operands = xs if self.constant is None else (*xs, self.constant)
        return reduce(_EXTREMA[self.kind], operands)

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return self.kind
