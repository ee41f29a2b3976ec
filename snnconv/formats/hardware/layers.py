"""The parts of a network of integers: layers that pass integers on, and what these stand for.

    real value = scale · integer + offset

The scale is one number, or one for each channel; it is known when the folder is written and needed by nobody who runs
the network. The offset is what an integer zero point leaves of the input's mean, at most half a grey level.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snnconv.graph.node import Refusal

__all__ = [
    "WIDEST",
    "Array",
    "HardwareLayer",
    "HardwareSignal",
    "Integers",
    "bits_of",
    "compact",
    "shrunk",
    "whole",
    "with_real",
]

Array = NDArray[Any]
WIDEST = 53  # bits of an accumulator: beyond them float64, in which the reference multiplies, is not exact


@dataclass(frozen=True)
class Integers:
    """An array of a layer.

    Attributes:
        values: int64.
        axis: Axis of the sample, along which one value stands for each channel; None: one value for all, one for each
            unit, or an array with a shape of its own (weights).
        real: Values that the integers were rounded from, in the network's own units; None: they are exact.
    """

    values: Array
    axis: int | None = None
    real: Array | None = None


@dataclass(frozen=True)
class HardwareLayer:
    """One operator on integers.

    Attributes:
        name: Name of the node in the network.
        operator: Name of the operator (docs/hardware.md).
        inputs: Positions of the layers that it reads.
        shape: Shape of its output, without the batch's axis.
        low: Bound below all outputs, and all sums on the way to them.
        high: Bound above them.
        scale: Worth of an integer, `[]` or one a channel of `axis`; None: another at every position.
        axis: Axis of the scale.
        attributes: Settings, JSON-ready.
        arrays: Arrays by name.
        state: The least and the most that neurons hold from step to step.
    """

    name: str
    operator: str
    inputs: tuple[int, ...]
    shape: tuple[int, ...]
    low: int
    high: int
    scale: Array | None
    axis: int | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Integers] = field(default_factory=dict)
    state: tuple[int, int] | None = None


@dataclass(frozen=True)
class HardwareSignal:
    """The integers that a layer passes on.

    Attributes:
        layer: Position of the layer.
        shape: Shape without the batch's axis.
        scale: Worth of an integer, of the rank of `shape`, and broadcast to it.
        low: Bound below the integers.
        high: Bound above the integers.
        offset: Real value of the integer 0, shaped as the scale.
    """

    layer: int
    shape: tuple[int, ...]
    scale: Array
    low: int
    high: int
    offset: Array

    def along(self, axis: int) -> tuple[Array, Array]:
        """Return scale and offset, one for each channel of an axis.

        Raises:
            Refusal: The scale changes along another axis too.
        """
        channels = []
        for values in (self.scale, self.offset):
            if any(size != 1 for at, size in enumerate(values.shape) if at != axis):
                raise Refusal(
                    "its input has another scale at every position, so that no integer weight is right for all"
                )
            channels.append(np.broadcast_to(values.reshape(-1), (self.shape[axis],)))
        return channels[0], channels[1]


def whole(values: Array) -> Array:
    """Round values to integers.

    Raises:
        Refusal: They are wider than any sum may be.
    """
    most = float(np.abs(values).max(initial=0))
    if not most < 2.0**WIDEST:
        raise Refusal(f"it needs integers up to {most:.3g}, which take more than {WIDEST} bits")
    return np.rint(values).astype(np.int64)


def bits_of(low: int, high: int) -> int:
    """Return the bits of a signed integer that holds everything from `low` to `high`.

    >>> bits_of(-128, 127), bits_of(0, 128)
    (8, 9)
    """
    return max((-low - 1 if low < 0 else low).bit_length(), (-high - 1 if high < 0 else high).bit_length()) + 1


def shrunk(values: Array) -> Array:
    """Return the values with axes along which nothing changes at size 1."""
    for axis, size in enumerate(values.shape):
        first = values.take([0], axis)
        if size > 1 and bool((values == first).all()):
            values = first
    return values


def compact(values: Array, shape: tuple[int, ...]) -> tuple[Array, int | None]:
    """Return an array that broadcasts to a sample as `[1]`, as `[C]` with its axis, or whole."""
    values = shrunk(values)
    wide = [axis for axis, size in enumerate(values.shape) if size != 1]
    if not wide:
        return values.reshape(1), None
    if len(wide) == 1:
        return values.reshape(-1), wide[0]
    return np.broadcast_to(values, shape), None


def with_real(values: Array, real: Array, shape: tuple[int, ...]) -> Integers:
    """Return an array with what it was rounded from, in one shape."""
    ranked = np.broadcast_to(real, np.broadcast_shapes(real.shape, (1,) * len(shape)))
    joint = np.broadcast_arrays(shrunk(values), shrunk(ranked))
    wide = [axis for axis, size in enumerate(joint[0].shape) if size != 1]
    if len(wide) > 1:
        return Integers(np.broadcast_to(values, shape), None, np.broadcast_to(ranked, shape))
    integers, numbers = (array.reshape(-1) for array in joint)
    return Integers(integers, wide[0] if wide else None, numbers)
