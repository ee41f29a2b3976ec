"""The largest and smallest values along an axis, and where they are."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

__all__ = ["ArgExtremum", "TopK"]


class ArgExtremum(nn.Module):
    """Position of the largest or the smallest value along an axis other than the batch's, the first of equal ones.

    Args:
        kind: The largest or the smallest.
        axis: Axis along which values are compared.
        keepdims: True where the axis stays, with size 1.
        last: True where the last of equal ones is taken.
    """

    def __init__(self, kind: Literal["max", "min"], axis: int, *, keepdims: bool, last: bool = False) -> None:
        super().__init__()
        self.kind = kind
        self.axis = axis
        self.keepdims = keepdims
        self.last = last

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to whole numbers `[B, ...]` without the axis, or with size 1 in its place."""
        values = x.flip(self.axis) if self.last else x
        find = values.argmax if self.kind == "max" else values.argmin
        positions = find(self.axis, keepdim=self.keepdims)
        return (x.shape[self.axis] - 1 - positions if self.last else positions).to(x.dtype)

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"{self.kind}, axis={self.axis}, keepdims={self.keepdims}, last={self.last}"


class TopK(nn.Module):
    """The k largest or smallest values along an axis other than the batch's, or their positions, in order.

    Of equal values the first ones are taken.

    Args:
        k: Number of values.
        axis: Axis along which values are compared.
        largest: True of the largest, False of the smallest.
        output: The values, or their positions.
    """

    def __init__(self, k: int, axis: int, *, largest: bool, output: Literal["values", "indices"]) -> None:
        super().__init__()
        self.k = k
        self.axis = axis
        self.largest = largest
        self.output = output

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]` with k along the axis."""
        ordered = x.sort(dim=self.axis, descending=self.largest, stable=True)
        chosen = ordered.values if self.output == "values" else ordered.indices
        return chosen.narrow(self.axis, 0, self.k).to(x.dtype)

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"k={self.k}, axis={self.axis}, largest={self.largest}, {self.output}"
