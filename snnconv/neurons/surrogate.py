r"""Surrogate gradients: a spike is a step of the membrane potential, its backward pass the slope of a smooth step.

    s = number of k in 1..L with d_k > 0, d_k = u - (k - 1/2)        ds/du := sum_k σ'(d_k)

Symbols: u membrane potential in units of the threshold, shifted so that the level nearest to it fires (k at u from
k - 1/2 to k + 1/2); d distance from where level k begins; σ the smooth step that a surrogate states.

| name | σ(d) | σ'(d) |
|---|---|---|
| rectangular:w | clip(d/w + 1/2, 0, 1) | 1/w where -w/2 <= d < w/2 |
| triangular:w | the integral of σ' | (1 - \|d\|/w)/w where \|d\| < w |
| tanh:k | tanh(k·d)/(2·tanh(k/2)) + 1/2 where \|d\| <= 1/2, else 0 or 1 | k·(1 - tanh²(k·d))/(2·tanh(k/2)) there |
| arctan:a | arctan(π/2·a·d)/π + 1/2 | a/2/(1 + (π/2·a·d)²) |
| sigmoid:a | 1/(1 + exp(-a·d)) | a·σ·(1 - σ) |

Sources: rectangular: Wu et al., STBP, 2018; triangular: Bellec et al., 2018; tanh: Guo et al., IM-Loss, NeurIPS 2022;
arctan: Fang et al., ICCV 2021; sigmoid: the logistic function, of no single source.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from snnconv.errors import InvalidValueError

__all__ = [
    "SURROGATES",
    "Arctan",
    "Rectangular",
    "Sigmoid",
    "Surrogate",
    "Tanh",
    "Triangular",
    "fire",
    "parse_surrogate",
    "spike",
]


@dataclass(frozen=True)
class Surrogate(ABC):
    """A smooth step and its slope; the one number it has is its width or its sharpness.

    Raises:
        InvalidValueError: the number is not finite and above 0.
    """

    name: ClassVar[str]
    shape: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.shape < math.inf:
            raise InvalidValueError(f"surrogate {self.name} has {self.shape!r}: it must be a finite number above 0.")

    def __str__(self) -> str:
        return f"{self.name}:{float(self.shape)!r}".removesuffix(".0")

    @abstractmethod
    def smooth(self, d: Tensor) -> Tensor:
        """σ(d), from 0 to 1."""

    @abstractmethod
    def slope(self, d: Tensor) -> Tensor:
        """σ'(d), the derivative of `smooth`."""

    def slopes(self, u: Tensor, levels: int) -> Tensor:
        """Sum of σ'(d) over the distances d = u - (k - 1/2) to every level k in 1..`levels`."""
        total = self.slope(u - 0.5)
        for level in range(2, levels + 1):
            total = total + self.slope(u - (level - 0.5))
        return total


@dataclass(frozen=True)
class Rectangular(Surrogate):
    """A ramp of width w; windows of width 1 tile the axis. With one level it is the gradient of clamp(u, 0, 1)."""

    name = "rectangular"

    def smooth(self, d: Tensor) -> Tensor:
        return (d / self.shape + 0.5).clamp(0, 1)

    def slope(self, d: Tensor) -> Tensor:
        return ((d >= -self.shape / 2) & (d < self.shape / 2)).to(d.dtype) / self.shape

    def slopes(self, u: Tensor, levels: int) -> Tensor:
        if self.shape != 1:
            return super().slopes(u, levels)
        return (u >= 0).logical_and_(u < levels)  # windows that tile the axis are one window


@dataclass(frozen=True)
class Triangular(Surrogate):
    """A step whose slope is a triangle of half-width w."""

    name = "triangular"

    def smooth(self, d: Tensor) -> Tensor:
        x = (d / self.shape).clamp(-1, 1)
        return 0.5 + x - x * x.abs() / 2

    def slope(self, d: Tensor) -> Tensor:
        return (1 - d.abs() / self.shape).clamp(min=0) / self.shape


@dataclass(frozen=True)
class Tanh(Surrogate):
    """A tanh of temperature k, cut off where it reaches 0 and 1."""

    name = "tanh"
    shape: float = 3.0

    def smooth(self, d: Tensor) -> Tensor:
        return (self.shape * d.clamp(-0.5, 0.5)).tanh() / (2 * math.tanh(self.shape / 2)) + 0.5

    def slope(self, d: Tensor) -> Tensor:
        inside = (d.abs() <= 0.5).to(d.dtype)
        return inside * (1 - (self.shape * d).tanh().square()) * (self.shape / (2 * math.tanh(self.shape / 2)))


@dataclass(frozen=True)
class Arctan(Surrogate):
    """An arctan with slope a/2 at the threshold."""

    name = "arctan"
    shape: float = 2.0

    def smooth(self, d: Tensor) -> Tensor:
        return (math.pi / 2 * self.shape * d).atan() / math.pi + 0.5

    def slope(self, d: Tensor) -> Tensor:
        return self.shape / 2 / (1 + (math.pi / 2 * self.shape * d).square())


@dataclass(frozen=True)
class Sigmoid(Surrogate):
    """A logistic function with slope a/4 at the threshold."""

    name = "sigmoid"
    shape: float = 4.0

    def smooth(self, d: Tensor) -> Tensor:
        return (self.shape * d).sigmoid()

    def slope(self, d: Tensor) -> Tensor:
        sigma = (self.shape * d).sigmoid()
        return self.shape * sigma * (1 - sigma)


SURROGATES: dict[str, type[Surrogate]] = {kind.name: kind for kind in (Rectangular, Triangular, Tanh, Arctan, Sigmoid)}


def parse_surrogate(text: str | Surrogate) -> Surrogate:
    """A surrogate from `NAME` or `NAME:NUMBER`.

    Raises:
        InvalidValueError: the name is unknown, or the number is none above 0.

    >>> parse_surrogate("tanh:3")
    Tanh(shape=3.0)
    """
    if isinstance(text, Surrogate):
        return text
    name, colon, number = text.partition(":")
    if name not in SURROGATES:
        raise InvalidValueError(f"surrogate is {text!r}: it must be one of {', '.join(SURROGATES)}, as in tanh:3.")
    if not colon:
        return SURROGATES[name]()
    try:
        return SURROGATES[name](float(number))
    except ValueError as error:
        raise InvalidValueError(f"surrogate is {text!r}: after the colon stands a number above 0.") from error


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, d: Tensor, surrogate: Surrogate) -> Tensor:
        ctx.save_for_backward(d)
        ctx.surrogate = surrogate
        return (d > 0).to(d.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (d,) = ctx.saved_tensors
        return grad * ctx.surrogate.slope(d), None


def spike(d: Tensor, surrogate: Surrogate | None = None) -> Tensor:
    """1 where a membrane potential is above its threshold, else 0, with a surrogate gradient.

    Args:
        d: potential less threshold, any shape.
        surrogate: whose slope is the gradient; rectangular:1 by default.

    >>> spike(torch.tensor([-0.1, 0.0, 0.1]))
    tensor([0., 0., 1.])
    """
    fired: Tensor = _Spike.apply(d, surrogate or Rectangular())
    return fired


class _Fire(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: Tensor, levels: int, surrogate: Surrogate) -> Tensor:
        ctx.save_for_backward(u)
        ctx.levels, ctx.surrogate = levels, surrogate
        if levels == 1:
            return (u > 0.5).to(u.dtype)
        return (u - 0.5).ceil_().clamp_(0, levels).abs_()  # of -0.0

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (u,) = ctx.saved_tensors
        return grad * ctx.surrogate.slopes(u, ctx.levels), None, None


def fire(u: Tensor, levels: int = 1, surrogate: Surrogate | None = None) -> Tensor:
    """Levels that fire at a membrane potential, with a surrogate gradient.

    Args:
        u: membrane potential in units of the threshold, shifted so that level k fires above k - 1/2; any shape.
        levels: L, the highest level.
        surrogate: whose slope is the gradient; rectangular:1 by default.

    Returns:
        s in 0..L, of the shape of `u`.

    >>> u = torch.tensor([0.4, 0.6, 1.7, 9.0], requires_grad=True)
    >>> s = fire(u, 2)
    >>> s.sum().backward()
    >>> s.tolist(), u.grad.tolist()
    ([0.0, 1.0, 2.0, 2.0], [1.0, 1.0, 1.0, 0.0])
    """
    fired: Tensor = _Fire.apply(u, levels, surrogate or Rectangular())
    return fired
