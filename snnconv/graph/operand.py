"""Tensors of an ONNX graph: a constant, or an activation.

Shapes and integer constants may depend on the batch size B: both are therefore known at two probe sizes of B, from
which any multiple of B is told apart from a plain number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray
from torch import fx, nn

__all__ = ["PROBES", "Activation", "Array", "Constant", "EmptyTensor", "Kind", "Operand", "Pieces", "Refusal", "Shape"]

PROBES = (2, 3)  # the batch sizes at which shapes are computed

Array = NDArray[Any]
Shape = tuple[int, ...]
Kind = Literal["float", "int", "bool"]


class Refusal(Exception):  # noqa: N818 - not an error yet: the importer gathers them all
    """A handler cannot take its node, with the reason."""


class EmptyTensor(Refusal):
    """A refusal because an axis of the output has length 0.

    Args:
        shape: Shape at the first probe batch size.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__(f"its output has shape {list(shape[1:])} beside the batch: an axis of length 0 holds nothing")
        self.shape = shape


@dataclass(frozen=True)
class Constant:
    """A value known before any input is, at each probe batch size: one object where it does not depend on it.

    Attributes:
        values: One array a probe.
        source: Name of the value in the file, of which there is one; parameters made of it are shared by this
            name.
    """

    values: tuple[Array, Array]
    source: str

    @property
    def fixed(self) -> Array | None:
        """Return the array, or None where it depends on the batch size."""
        first, second = self.values
        same = first is second or (first.shape == second.shape and bool((first == second).all()))
        return first if same else None

    @property
    def of_each_sample(self) -> Array | None:
        """Return what is the same for every member of a batch, as `[1, ...]`; None of anything else."""
        first, second = self.values
        if not first.ndim or first.shape[1:] != second.shape[1:] or len(first) * PROBES[1] != len(second) * PROBES[0]:
            return None
        alike = all(bool((value == first[:1]).all()) for value in self.values)
        return first[:1] if alike else None


@dataclass(frozen=True)
class Activation:
    """A tensor that depends on the input.

    Attributes:
        node: Node of the graph.
        shapes: Shape at each probe batch size.
        module: Module that made it; None of the input.
        sources: Operands of the module.
        kind: Kind of numbers that the file has there; the graph computes with floating-point numbers throughout.
        batch_axis: Axis of the batch in the file; in the graph it is axis 0, and the others keep their order.
        merged: Length of an axis that the file has merged into the batch's before it, `[length*B, ...]`; in the graph
            it is behind it, `[B*length, ...]`, which no operator tells that acts on each row.
        rows: Number that the file adds for each sample before it, of positions that count through the batch; -1 of
            positions behind the sample's number; the graph's are those within a sample.
    """

    node: fx.Node
    shapes: tuple[Shape, Shape]
    module: nn.Module | None = None
    sources: tuple[Activation, ...] = ()
    kind: Kind = "float"
    batch_axis: int = 0
    merged: int = 1
    rows: int = 0

    @property
    def file_shapes(self) -> tuple[Shape, Shape]:
        """Shape at each probe batch size, the axes in the file's order."""
        first, second = (_at(shape, self.batch_axis) for shape in self.shapes)
        return first, second


def _at(shape: Shape, axis: int) -> Shape:
    """Return a shape whose first axis is put at another place."""
    batch, *rest = shape
    return (*rest[:axis], batch, *rest[axis:])


@dataclass(frozen=True)
class Pieces:
    """A sequence of tensors: the parts of one that is split."""

    parts: tuple[Activation | Constant, ...]


Operand = Constant | Activation | Pieces
