"""Functions of one activation, element by element, of which torch.nn has no module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

__all__ = ["FUNCTIONS", "Elementwise", "FunctionName", "Power", "Shrink", "Swish"]

FunctionName = Literal[
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "ceil",
    "cos",
    "cosh",
    "erf",
    "exp",
    "floor",
    "log",
    "reciprocal",
    "round",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "tan",
]
FUNCTIONS: dict[FunctionName, Callable[[Tensor], Tensor]] = {
    "abs": torch.abs,
    "acos": torch.acos,
    "acosh": torch.acosh,
    "asin": torch.asin,
    "asinh": torch.asinh,
    "atan": torch.atan,
    "atanh": torch.atanh,
    "ceil": torch.ceil,
    "cos": torch.cos,
    "cosh": torch.cosh,
    "erf": torch.erf,
    "exp": torch.exp,
    "floor": torch.floor,
    "log": torch.log,
    "reciprocal": torch.reciprocal,
    "round": torch.round,  # half to even, as in ONNX
    "sign": torch.sign,
    "sin": torch.sin,
    "sinh": torch.sinh,
    "sqrt": torch.sqrt,
    "tan": torch.tan,
}


class Elementwise(nn.Module):
    """`function(x)`.

    Args:
        function: Name of one of `FUNCTIONS`.
    """

    def __init__(self, function: FunctionName) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Map any shape to the same."""
        return FUNCTIONS[self.function](x)

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return self.function


class Power(nn.Module):
    """`x ** exponent`."""

    def __init__(self, exponent: float) -> None:
        super().__init__()
        self.exponent = exponent

    def forward(self, x: Tensor) -> Tensor:
        """Map any shape to the same."""
        return x**self.exponent

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"{self.exponent}"


class Swish(nn.Module):
    """`x * sigmoid(slope * x)`; with a slope of 1 it is torch's SiLU, with 1.702 the approximation of GELU."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """Map any shape to the same."""
        return x * torch.sigmoid(self.slope * x)

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"{self.slope}"


class Shrink(nn.Module):
    """`x` moved towards 0 by a shift where its magnitude is above a threshold, 0 elsewhere."""

    def __init__(self, threshold: float, shift: float) -> None:
        super().__init__()
        self.threshold = threshold
        self.shift = shift

    def forward(self, x: Tensor) -> Tensor:
        """Map any shape to the same."""
        below, above = x < -self.threshold, x > self.threshold
        return torch.where(below, x + self.shift, torch.where(above, x - self.shift, torch.zeros_like(x)))

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"threshold={self.threshold}, shift={self.shift}"
