"""Activations rounded to levels, as networks that were quantized have them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["FakeQuantize"]


class FakeQuantize(nn.Module):
    """The next multiple of a scale, `scale * k`, of which k is a whole number between two bounds; halves go to even k.

    Args:
        scale: Distance of two levels; one for all elements, or as many along an axis as it has, `[C, 1, ...]`.
        lowest: Lowest k.
        highest: Highest k.
    """

    scale: Tensor

    def __init__(self, scale: Tensor, lowest: int, highest: int) -> None:
        super().__init__()
        self.register_buffer("scale", scale)
        self.lowest = lowest
        self.highest = highest

    def forward(self, x: Tensor) -> Tensor:
        """Map any shape to the same."""
        return torch.round(x / self.scale).clamp(self.lowest, self.highest) * self.scale

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"{self.lowest}..{self.highest}"
