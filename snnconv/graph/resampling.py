"""Modules that take elements again and again along axes: expand, tile, gather. All are affine; axis 0 stays."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["Expand", "Gather", "Tile"]


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
