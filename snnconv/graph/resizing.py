"""Axes made longer or shorter: elements in between, and what is taken for them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

__all__ = ["Filter", "Resize"]


@dataclass(frozen=True)
class Filter:
    """Settings of an interpolation beyond its mode.

    Attributes:
        coefficient: The a of the cubic function.
        inside: True where elements beyond the borders have no weight; else the outermost stand for them.
        antialias: True where a filter is as much wider as an axis becomes shorter.
    """

    coefficient: float = -0.75
    inside: bool = False
    antialias: bool = False


class Resize(nn.Module):
    """Makes trailing axes longer or shorter: the nearest element, a straight line between the two nearest, or a cubic.

    Args:
        lengths: Sizes of the trailing axes that change, or with `scaled` factors to the sizes they have.
        mode: nearest, linear or cubic.
        positions: ONNX's coordinate_transformation_mode.
        rounding: ONNX's nearest_mode.
        settings: Further settings of linear and cubic interpolation.
        scaled: True where the lengths are factors.
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
        settings: Filter = Filter(),
        *,
        scaled: bool = False,
    ) -> None:
        super().__init__()
        self.lengths = tuple(lengths)
        self.mode = mode
        self.positions = positions
        self.rounding = rounding
        self.settings = settings
        self.scaled = scaled

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]`, the last axes longer or shorter."""
        rank = len(self.lengths)
        for i, length in enumerate(self.lengths):
            axis = i - rank
            old = x.shape[axis]
            size, scale = (math.floor(old * length), length) if self.scaled else (int(length), length / old)
            if scale != 1:
                x = self._along(x, axis, self._positions(old, size, scale), scale)
        return x

    def _along(self, x: Tensor, axis: int, positions: Tensor, scale: float) -> Tensor:
        """One axis; `positions` are those in x of the new elements."""
        last = x.shape[axis] - 1
        if self.mode == "cubic" or (self.mode == "linear" and self.settings.antialias):
            weights = self._weights(positions, x.shape[axis], scale).to(x)
            return torch.movedim(torch.movedim(x, axis, -1) @ weights.T, -1, axis)
        if self.mode == "nearest":
            return x.index_select(axis, self._rounded(positions).long().clamp(0, last).to(x.device))
        positions = positions.clamp(0, last)
        before = positions.floor().long().clamp(max=max(0, last - 1))
        weight = (positions - before).to(x).view(-1, *[1] * (-axis - 1))
        low = x.index_select(axis, before.to(x.device))
        high = x.index_select(axis, (before + 1).clamp(max=last).to(x.device))
        return low * (1 - weight) + high * weight

    def _positions(self, old: int, new: int, scale: float) -> Tensor:
        index = torch.arange(new, dtype=torch.float32, device="cpu")  # as runtimes do: a half stays one
        if self.positions == "asymmetric":
            return index / scale
        if self.positions == "align_corners":
            return index * ((old - 1) / (new - 1)) if new > 1 else index
        if self.positions == "pytorch_half_pixel" and new == 1:
            return index
        return (index + 0.5) / scale - 0.5

    def _weights(self, positions: Tensor, old: int, scale: float) -> Tensor:
        """Weights `[new, old]` of the elements of x in the new ones."""
        width = min(scale, 1.0) if self.settings.antialias else 1.0
        beyond = math.ceil(2 / width)
        taps = torch.arange(-beyond, old + beyond, device="cpu").expand(len(positions), -1)
        weights = self._kernel((taps - positions.unsqueeze(1)).abs() * width)
        if self.settings.inside:
            weights = torch.where((taps >= 0) & (taps < old), weights, 0.0)
        weights = weights / weights.sum(1, keepdim=True)
        zeros = torch.zeros(len(positions), old, device="cpu")
        return zeros.scatter_add(1, taps.clamp(0, old - 1), weights)

    def _kernel(self, distances: Tensor) -> Tensor:
        """Weights of elements so far from a new one."""
        if self.mode == "linear":
            return (1 - distances).clamp(min=0)
        a = self.settings.coefficient
        near = ((a + 2) * distances - (a + 3)) * distances**2 + 1
        far = ((distances - 5) * distances + 8) * distances * a - 4 * a
        return torch.where(distances <= 1, near, torch.where(distances < 2, far, 0.0))

    def _rounded(self, positions: Tensor) -> Tensor:
        if self.rounding == "floor":
            return positions.floor()
        if self.rounding == "ceil":
            return positions.ceil()
        return (positions - 0.5).ceil() if self.rounding == "round_prefer_floor" else (positions + 0.5).floor()

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"{self.lengths}, scaled={self.scaled}, {self.mode}, {self.positions}, {self.rounding}"
