"""Named inputs of a network, cut out of the one row of numbers that a sample is where it is no image."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from snnconv.graph.node import Kind

__all__ = ["Part"]


class Part(nn.Module):
    """One named input of several, or one that is no image: a cut of each sample's row, in its own shape.

    Args:
        name: Name of the input in the file.
        offset: Place of its first number in the row.
        shape: Shape of one sample, without the batch axis.
        kind: Kind of its numbers; they are floating-point numbers here.
    """

    def __init__(self, name: str, offset: int, shape: Sequence[int], kind: Kind = "float") -> None:
        super().__init__()
        self.name = name
        self.offset = offset
        self.shape = tuple(shape)
        self.kind: Kind = kind

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, F]` to `[B, *shape]`."""
        part = x[:, self.offset : self.offset + math.prod(self.shape)]
        return part.reshape(len(x), *self.shape)

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"{self.name}, {self.offset}, {self.shape}, {self.kind}"
