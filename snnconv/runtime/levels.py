"""Adders of a site's inputs to its potential, in units of its levels; and levels turned into currents.

Letters: T time steps, B batch, C channels. Levels are unsigned 8-bit integers, all else is float32. Images lie channels
last.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from snnconv.neurons.site import along_channels
from snnconv.neurons.time import sum_of_steps
from snnconv.runtime.weight_slices import SlicedWeights

__all__ = ["MOST", "Added", "Currents", "Input", "Weighted", "WeightedLevels", "laid_out"]

MOST = 255  # levels that 8 bits hold


def laid_out(x: Tensor) -> Tensor:
    """Return images channels last, as the integer operators want them."""
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


def side_by_side(steps: Tensor) -> Tensor:
    """Turn `[T, B, C, H, W]` into `[B, T*C, H, W]`, channels last."""
    count, batch, channels, rows, columns = steps.shape
    out = steps.new_empty((batch, rows, columns, count, channels))
    out.permute(3, 0, 4, 1, 2).copy_(steps)
    return out.flatten(3).permute(0, 3, 1, 2)


class Input(ABC):
    """An input of a site, and how it is added to the site's potential."""

    @abstractmethod
    def add(self, x: Tensor, total: Tensor | None, bias: Tensor | None = None) -> Tensor:
        """Add `x` `[B, ...]` and `bias` `[C]` to `total` `[B, ...]`, which may be written over; None: to 0."""

    @abstractmethod
    def add_steps(self, steps: Tensor, total: Tensor | None, bias: Tensor | None = None) -> Tensor:
        """Add all steps `[T, B, ...]`, and `bias` once."""


class Weighted(Input):
    """Levels through a convolution or linear layer.

    Args:
        weights: Weights of the layer.
    """

    def __init__(self, weights: SlicedWeights) -> None:
        self.weights = weights

    def add(self, x: Tensor, total: Tensor | None, bias: Tensor | None = None) -> Tensor:
        return self.weights(laid_out(x), total, bias)

    def add_steps(self, steps: Tensor, total: Tensor | None, bias: Tensor | None = None) -> Tensor:
        for some in torch.split(steps, self.weights.together):
            total, bias = self.add(some[0] if len(some) == 1 else side_by_side(some), total, bias), None
        assert total is not None
        return total


class Added(Input):
    """Currents or levels, times a factor.

    Args:
        factor: Factor, `[]` or `[C]`.
        most: Largest sum of one neuron's levels over the steps.
    """

    def __init__(self, factor: Tensor, most: int = MOST) -> None:
        self.factor = factor.float()
        self.most = most

    def add(self, x: Tensor, total: Tensor | None, bias: Tensor | None = None) -> Tensor:
        factor = along_channels(self.factor, x.dim(), 1)
        x = laid_out(x).to(torch.float32)  # a product of two types is slow
        total = x * factor if total is None else total.addcmul_(x, factor)
        return total if bias is None else total.add_(along_channels(bias, x.dim(), 1))

    def add_steps(self, steps: Tensor, total: Tensor | None, bias: Tensor | None = None) -> Tensor:
        whole = steps if self.most <= MOST else steps.to(torch.float32)
        return self.add(sum_of_steps(whole), total, bias)


class WeightedLevels(nn.Module):
    """Levels through a convolution or linear layer, as currents.

    Args:
        weights: Weights of the layer.
        bias: Bias of the layer, `[O]`; None: 0.
    """

    def __init__(self, weights: SlicedWeights, bias: Tensor | None) -> None:
        super().__init__()
        self.weights = weights
        self.bias = bias

    def forward(self, levels: Tensor) -> Tensor:
        """Turn levels `[T*B, ...]`, uint8, into currents, float32."""
        return self.weights(laid_out(levels), None, self.bias)


class Currents(nn.Module):
    """Levels as currents, for an operator that takes no levels.

    Args:
        step: Worth of one level, `[]` or `[C]`.
    """

    def __init__(self, step: Tensor) -> None:
        super().__init__()
        self.step = step.float()

    def forward(self, levels: Tensor) -> Tensor:
        """Turn levels `[T*B, C, ...]`, uint8, into currents, float32."""
        return levels.to(torch.float32).mul_(along_channels(self.step, levels.dim(), 1))
