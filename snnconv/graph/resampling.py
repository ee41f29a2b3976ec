"""Modules that take elements again and again along axes: expand, tile, gather, resize. All are affine; axis 0 stays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

__all__ = ["Expand", "Gather", "Resize", "Tile"]


class Expand(nn.Module):
    """Repeats axes of size 1; sizes of 1 leave an axis as it is."""

    def __init__(self, trailing: Sequence[int]) -> None:
        super().__init__()
        self.trailing = tuple(trailing)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]` of the same rank."""
        sizes = [old if new == 1 else new for old, new in zip(x.shape[1:], self.trailing, strict=True)]
        return x.expand(x.shape[0], *sizes)

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"{self.trailing}"


class Tile(nn.Module):
    """Puts copies beside one another, so many along each axis after the batch's."""

    def __init__(self, repeats: Sequence[int]) -> None:
        super().__init__()
        self.repeats = tuple(repeats)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]`, longer along the axes."""
        return x.repeat(1, *self.repeats)

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"{self.repeats}"


class Gather(nn.Module):
    """Takes elements along an axis other than the batch's, in any order and any number of times."""

    def __init__(self, axis: int, indices: Sequence[int]) -> None:
        super().__init__()
        self.axis = axis
        self.indices = tuple(indices)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]`, the axis as long as the indices are many."""
        return x.index_select(self.axis, torch.tensor(self.indices, device=x.device))

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"axis={self.axis}, indices={self.indices}"


class Resize(nn.Module):
    """Makes trailing axes longer or shorter: the nearest element, a straight line between two, or a cubic through four.

    Args:
        lengths: Sizes of the trailing axes that change, or with `scaled` factors to the sizes they have.
        mode: nearest, linear or cubic (Keys, 1981, equation 15).
        positions: ONNX's coordinate_transformation_mode.
        rounding: ONNX's nearest_mode.
        scaled: True where the lengths are factors.
        slope: Slope a of the cubic at the next element.
    """

    MODES: ClassVar = ("nearest", "linear", "cubic")
    POSITIONS: ClassVar = ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners")
    ROUNDINGS: ClassVar = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")

    def __init__(
        self,
        lengths: Sequence[float],
        mode: str = "nearest",
        positions: str = "half_pixel",
        rounding: str = "round_prefer_floor",
        *,
        scaled: bool = False,
        slope: float = -0.75,
    ) -> None:
        super().__init__()
        self.lengths = tuple(lengths)
        self.mode = mode
        self.positions = positions
        self.rounding = rounding
        self.scaled = scaled
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]`, the last axes longer or shorter."""
        rank = len(self.lengths)
        for i, length in enumerate(self.lengths):
            axis = i - rank
            old = x.shape[axis]
            size, scale = (math.floor(old * length), length) if self.scaled else (int(length), length / old)
            if scale != 1:
                x = self._along(x, axis, self._positions(old, size, scale))
        return x

    def _along(self, x: Tensor, axis: int, positions: Tensor) -> Tensor:
        """One axis; `positions` are those in x of the new elements."""
        last = x.shape[axis] - 1
        if self.mode == "nearest":
            return x.index_select(axis, self._rounded(positions).long().clamp(0, last).to(x.device))
        if self.mode == "cubic":
            return self._cubic(x, axis, positions)
        positions = positions.clamp(0, last)
        before = positions.floor().long().clamp(max=max(0, last - 1))
        weight = (positions - before).to(x).view(-1, *[1] * (-axis - 1))
        low = x.index_select(axis, before.to(x.device))
        high = x.index_select(axis, (before + 1).clamp(max=last).to(x.device))
        return low * (1 - weight) + high * weight

    def _cubic(self, x: Tensor, axis: int, positions: Tensor) -> Tensor:
        """One axis; each new element is a sum of four, of which those beyond the ends are the outermost."""
        last, before, a = x.shape[axis] - 1, positions.floor(), self.slope
        out = torch.zeros(())
        for place in range(-1, 3):
            d = (positions - before - place).abs()
            near = ((a + 2) * d - (a + 3)) * d * d + 1
            far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
            weight = torch.where(d <= 1, near, far).to(x).view(-1, *[1] * (-axis - 1))
            taken = x.index_select(axis, (before + place).long().clamp(0, last).to(x.device))
            out = out.to(x) + weight * taken
        return out

    def _positions(self, old: int, new: int, scale: float) -> Tensor:
        index = torch.arange(new, dtype=torch.float32, device="cpu")  # as runtimes do: a half stays one
        if self.positions == "asymmetric":
            return index / scale
        if self.positions == "align_corners":
            return index * ((old - 1) / (new - 1)) if new > 1 else index
        if self.positions == "pytorch_half_pixel" and new == 1:
            return index
        return (index + 0.5) / scale - 0.5

    def _rounded(self, positions: Tensor) -> Tensor:
        if self.rounding == "floor":
            return positions.floor()
        if self.rounding == "ceil":
            return positions.ceil()
        return (positions - 0.5).ceil() if self.rounding == "round_prefer_floor" else (positions + 0.5).floor()

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"{self.lengths}, scaled={self.scaled}, {self.mode}, {self.positions}, {self.rounding}"
