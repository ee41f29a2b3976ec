"""The modules an imported graph is made of, where torch.nn has none with ONNX's meaning.

Letters: B batch (or time steps x batch, time-major), C channels, H rows, W columns. Axis 0 is always the
batch's; no module reaches across it, which is what lets time be folded into it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from snnconv.graph.pools import AveragePool, MaxPool, torch_pads
from snnconv.graph.reductions import Extremum, ReduceMax, ReduceMean, ReduceSum
from snnconv.graph.resampling import Expand, Gather, Tile
from snnconv.graph.resizing import Resize

__all__ = [
    "Arithmetic",
    "ArithmeticName",
    "AveragePool",
    "Concat",
    "Expand",
    "Extremum",
    "Gather",
    "MaxPool",
    "Pad",
    "ParametricReLU",
    "ReduceMax",
    "ReduceMean",
    "ReduceSum",
    "Reshape",
    "Resize",
    "SignalSite",
    "Slice",
    "Squeeze",
    "Tile",
    "Transpose",
    "Unsqueeze",
]

ArithmeticName = Literal["add", "sub", "mul", "div"]
_FUNCTIONS: dict[ArithmeticName, Callable[[Tensor, Tensor], Tensor]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
}


class Arithmetic(nn.Module):
    """`x op y` of two activations, or of one activation and a constant.

    Args:
        operator: Name of one of the four.
        constant: Constant operand, broadcast as numpy does; None where both operands are activations.
        constant_first: True where the constant is the left operand.
    """

    constant: nn.Parameter | None

    def __init__(
        self, operator: ArithmeticName, constant: nn.Parameter | None = None, *, constant_first: bool = False
    ) -> None:
        super().__init__()
        self.operator = operator
        self.constant_first = constant_first
        self.register_parameter("constant", constant)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute it, broadcast as numpy does."""
        other = self.constant if y is None else y
        assert other is not None
        function = _FUNCTIONS[self.operator]
        return function(other, x) if self.constant_first else function(x, other)

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return self.operator


class ParametricReLU(nn.Module):
    """`x` where positive, `slope * x` elsewhere; the slope is broadcast as numpy does."""

    def __init__(self, slope: nn.Parameter) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """Map any shape to the same."""
        return torch.where(x > 0, x, self.slope * x)


class Pad(nn.Module):
    """Pads the trailing axes.

    Args:
        pads: Begins, then ends, of the trailing axes; in constant mode negative values crop.
        mode: Constant, reflect, edge or wrap, as in ONNX.
        value: Value that is padded with in constant mode.
    """

    MODES: ClassVar = ("constant", "reflect", "edge", "wrap")

    def __init__(self, pads: Sequence[int], mode: str = "constant", value: float = 0.0) -> None:
        super().__init__()
        self.pads = tuple(pads)
        self.mode = mode
        self.value = value

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]`, the trailing axes longer or shorter."""
        if self.mode == "constant":
            return F.pad(x, torch_pads(self.pads), value=self.value)
        rank = len(self.pads) // 2
        for axis in range(rank):  # F.pad takes these modes for some ranks and axes only
            begin, end = self.pads[axis], self.pads[axis + rank]
            if begin or end:
                x = x.index_select(axis - rank, self._index(x, axis - rank, begin, end))
        return x

    def _index(self, x: Tensor, axis: int, begin: int, end: int) -> Tensor:
        """Positions along an axis of x that each position of the padded axis takes its value from."""
        size = x.shape[axis]
        index = torch.arange(-begin, size + end, device=x.device)
        if self.mode == "edge":
            return index.clamp(0, size - 1)
        if self.mode == "wrap":
            return index % size
        return (size - 1) - ((size - 1) - index.abs()).abs()

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"pads={self.pads}, mode={self.mode}, value={self.value}"


class Reshape(nn.Module):
    """Reshapes to `[batch_factor * x.shape[0], *trailing]`.

    Args:
        batch_factor: Size of the new axis 0 as a multiple of the old one.
        trailing: Other sizes.
    """

    def __init__(self, batch_factor: Fraction, trailing: Sequence[int]) -> None:
        super().__init__()
        self.batch_factor = batch_factor
        self.trailing = tuple(trailing)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[batch_factor * B, *trailing]`."""
        batch = x.shape[0] * self.batch_factor.numerator // self.batch_factor.denominator
        return x.reshape(batch, *self.trailing)

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"{self.batch_factor}*B, {self.trailing}"


class SignalSite(nn.Module):
    """Passes on what an activation puts out: the place of the neurons that will fire it.

    Args:
        signed: True where it can be negative.
        cap: Largest magnitude that it can have.
    """

    def __init__(self, *, signed: bool = True, cap: float = math.inf) -> None:
        super().__init__()
        self.signed = signed
        self.cap = cap

    def forward(self, x: Tensor) -> Tensor:
        """Return `[B, ...]` as it is."""
        return x

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"signed={self.signed}, cap={self.cap}"


class Transpose(nn.Module):
    """Permutes the axes; axis 0 stays."""

    def __init__(self, order: Sequence[int]) -> None:
        super().__init__()
        self.order = tuple(order)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]`, permuted."""
        return x.permute(self.order)

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"{self.order}"


class Squeeze(nn.Module):
    """Drops axes of size 1, named from the front."""

    def __init__(self, axes: Sequence[int]) -> None:
        super().__init__()
        self.axes = tuple(axes)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]` of lower rank."""
        return x.squeeze(self.axes)


class Unsqueeze(nn.Module):
    """Inserts axes of size 1; the axes are those of the result, in rising order."""

    def __init__(self, axes: Sequence[int]) -> None:
        super().__init__()
        self.axes = tuple(sorted(axes))

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]` of higher rank."""
        for axis in self.axes:
            x = x.unsqueeze(axis)
        return x


class Concat(nn.Module):
    """Joins activations along an axis other than the batch's; constants are repeated over the batch.

    Args:
        axis: Axis along which they are joined.
        constants: Operands that are constants, `[1, ...]`, by position.
    """

    def __init__(self, axis: int, constants: dict[int, Tensor] | None = None) -> None:
        super().__init__()
        self.axis = axis
        self.positions = tuple(sorted(constants or {}))
        for position in self.positions:
            assert constants is not None
            self.register_buffer(f"constant{position}", constants[position])

    def forward(self, *xs: Tensor) -> Tensor:
        """Join `[B, ...]` each, of one shape but for the axis, to `[B, ...]`."""
        parts = list(xs)
        for position in self.positions:
            constant = self.get_buffer(f"constant{position}")
            parts.insert(position, constant.expand(xs[0].shape[0], *constant.shape[1:]))
        return torch.cat(parts, self.axis)

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"axis={self.axis}"


class Slice(nn.Module):
    """Takes `start:stop:step` along each of some axes other than the batch's; steps are positive."""

    def __init__(self, axes: Sequence[int], starts: Sequence[int], stops: Sequence[int], steps: Sequence[int]) -> None:
        super().__init__()
        self.axes, self.starts, self.stops, self.steps = (
            tuple(axes),
            tuple(starts),
            tuple(stops),
            tuple(steps),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ...]` to `[B, ...]`, shorter along the axes."""
        index = [slice(None)] * x.dim()
        for axis, *bounds in zip(self.axes, self.starts, self.stops, self.steps, strict=True):
            index[axis] = slice(*bounds)
        return x[tuple(index)]

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"axes={self.axes}, starts={self.starts}, stops={self.stops}, steps={self.steps}"
