"""Sums and maxima: over axes of one activation, and of several activations element by element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Literal

import torch
from torch import Tensor, nn

__all__ = ["Extremum", "ReduceMax", "ReduceMean", "ReduceSum"]

_EXTREMA: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"max": torch.maximum, "min": torch.minimum}


class _Reduction(nn.Module):
    def __init__(self, axes: Sequence[int], *, keepdims: bool) -> None:
        super().__init__()
        self.axes = tuple(axes)
        self.keepdims = keepdims

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"axes={self.axes}, keepdims={self.keepdims}"


class ReduceMean(_Reduction):
    """Mean over axes other than the batch's."""

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]` without the axes, or with size 1 in their place."""
        return x.mean(self.axes, keepdim=self.keepdims)


class ReduceSum(_Reduction):
    """Sum over axes other than the batch's."""

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]` without the axes, or with size 1 in their place."""
        return x.sum(self.axes, keepdim=self.keepdims)


class ReduceMax(_Reduction):
    """Maximum over axes other than the batch's."""

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]` without the axes, or with size 1 in their place."""
        return x.amax(self.axes, keepdim=self.keepdims)


class Extremum(nn.Module):
    """The largest or the smallest of several activations, element by element."""

    def __init__(self, kind: Literal["max", "min"]) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, *xs: Tensor) -> Tensor:
        """Compute it, broadcast as numpy does."""
        return reduce(_EXTREMA[self.kind], xs)

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return self.kind
