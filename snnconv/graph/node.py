"""The view that a reader of the importer has of one ONNX node, and the answer that it gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from snnconv.errors import UnsupportedNode
from snnconv.graph.operand import (
    PROBES,
    Activation,
    Array,
    Constant,
    EmptyTensor,
    Kind,
    Operand,
    Pieces,
    Refusal,
    Shape,
)
from snnconv.registry import Registry

__all__ = [
    "HANDLERS",
    "PROBES",
    "Activation",
    "Array",
    "Call",
    "Constant",
    "EmptyTensor",
    "Kind",
    "NodeView",
    "Operand",
    "Pieces",
    "Refusal",
    "Shape",
    "read_attributes",
]


@dataclass(frozen=True)
class Call:
    """A handler's answer for one output: modules applied one after the other to the named operands.

    Attributes:
        modules: Modules applied in order; none stands for the identity.
        operands: Arguments of the first module: activations, positions of the node's own, or what other calls make.
        narrowed: Floating-point type to which the file rounds the output and we do not; empty where there is none.
        kind: Kind of numbers of the output; None: that of the first operand.
    """

    modules: tuple[nn.Module, ...]
    operands: tuple[int | Activation | Call, ...] = (0,)
    narrowed: str = ""
    kind: Kind | None = None


def read_attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """Return attributes by name, strings decoded."""
    values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return {name: v.decode() if isinstance(v, bytes) else v for name, v in values.items()}


def _float32(array: Array, position: int, *, finite: bool = True) -> torch.Tensor:
    """A copy that is writable and shares no memory with the file; infinite values stay so where they are allowed.

    Raises:
        Refusal: It holds nothing, or NaN, or what is not finite.
    """
    if array.size == 0:
        raise Refusal(f"input {position} has shape {array.shape}: an axis of length 0 holds nothing")
    with np.errstate(over="ignore"):
        values = np.array(array, dtype=np.float32, order="C")
    if not finite and np.isnan(values).any():
        raise Refusal(f"input {position} holds NaN")
    if finite and not np.isfinite(values).all():
        raise Refusal(f"input {position} holds values that are not finite as 32-bit floating point")
    return torch.from_numpy(values)


class NodeView:
    """One node with its operands looked up.

    Attributes:
        name: Unique, readable name.
        operator: ONNX's op_type.
        opset: Version of the operator's domain in this file.
        attributes: Attributes by name.
        operands: Constants and activations in order; None where an optional input is left out.
        outputs: Names; empty ones are not asked for.
        file_batch: Batch size that is written into the file, None where it is open.
    """

    def __init__(
        self,
        node: onnx.NodeProto,
        name: str,
        opset: int,
        operands: Sequence[Operand | None],
        parameters: dict[tuple[str, str], nn.Parameter],
        file_batch: int | None,
    ) -> None:
        self.name = name
        self.operator = node.op_type
        self.opset = opset
        self.attributes = read_attributes(node)
        self.operands = list(operands)
        self.outputs = list(node.output)
        self.file_batch = file_batch
        self._parameters = parameters

    def operand(self, position: int) -> Operand | None:
        """Return the operand, None where it is left out."""
        return self.operands[position] if position < len(self.operands) else None

    def is_constant(self, position: int) -> bool:
        """Return whether the operand is a constant."""
        return isinstance(self.operand(position), Constant)

    def activation(self, position: int = 0) -> Activation:
        """Return the operand as an activation; a constant is refused."""
        operand = self.operand(position)
        if not isinstance(operand, Activation):
            raise Refusal(f"input {position} must be an activation, it is a constant, a sequence, or missing")
        return operand

    def shape(self, position: int = 0) -> Shape:
        """Return the shape of an activation; axis 0 is the batch's and holds the first probe."""
        return self.activation(position).shapes[0]

    def rank(self, position: int = 0) -> int:
        """Return the number of axes of an activation, the batch's included."""
        return len(self.shape(position))

    def file_length(self, position: int = 0) -> int | None:
        """Return the length of an activation's axis 0 at the file's own batch size; None where that is open.

        It is the batch size itself, or where time is folded into the batch a multiple of it.
        """
        return None if self.file_batch is None else self.shape(position)[0] * self.file_batch // PROBES[0]

    def constant(self, position: int) -> Array | None:
        """Return the operand's array, None where left out; what depends on input or batch size is refused.

        A constant that is the same for every member of the batch is `[1, ...]`.
        """
        operand = self.operand(position)
        if operand is None:
            return None
        if not isinstance(operand, Constant):
            raise Refusal(f"input {position} must be a constant, it depends on the network's input")
        if operand.fixed is not None:
            return operand.fixed
        alike = operand.of_each_sample
        if alike is None or (alike.ndim < 2 and alike.dtype.kind in "iu"):  # such are indices and sizes
            raise Refusal(f"input {position} must not depend on the batch size")
        return alike

    def need_constant(self, position: int) -> Array:
        """Return the operand's array; refused where it is left out."""
        array = self.constant(position)
        if array is None:
            raise Refusal(f"input {position} is missing")
        return array

    def parameter(
        self, position: int, layout: str = "", change: Callable[[Array], Array] = lambda array: array
    ) -> nn.Parameter:
        """Return the constant as a parameter; nodes that name the same initializer in the same layout share it.

        Args:
            position: Number of the operand.
            layout: Name of what `change` does, part of the key under which it is shared.
            change: Function applied to the stored array.
        """
        operand, array = self.operand(position), self.need_constant(position)
        assert isinstance(operand, Constant)
        key = (operand.source, layout)
        if key not in self._parameters:
            self._parameters[key] = nn.Parameter(_float32(change(array), position))
        return self._parameters[key]

    def buffer(self, position: int) -> torch.Tensor:
        """Return the constant as a tensor of its own."""
        return _float32(self.need_constant(position), position)

    def bound(self, position: int) -> torch.Tensor:
        """Return the constant as a tensor of its own that may be infinite: a mask, or what is compared with."""
        return _float32(self.need_constant(position), position, finite=False)

    def kind_of_constant(self, position: int) -> Kind:
        """Return the kind of a constant's numbers."""
        kinds: dict[str, Kind] = {"b": "bool", "i": "int", "u": "int"}
        return kinds.get(self.need_constant(position).dtype.kind, "float")

    def int_attribute(self, name: str, default: int) -> int:
        """Return an integer attribute."""
        return int(self.attributes.get(name, default))

    def float_attribute(self, name: str, default: float) -> float:
        """Return a finite number that is an attribute."""
        value = float(self.attributes.get(name, default))
        if not math.isfinite(value):
            raise Refusal(f"its {name} is {value}")
        return value

    def ints(self, name: str, position: int) -> list[int] | None:
        """Return integers that are an attribute in old opsets and an input in new ones; None where left out."""
        if name in self.attributes:
            value = self.attributes[name]
            return [int(v) for v in (value if isinstance(value, (list, tuple)) else [value])]
        array = self.constant(position)
        return None if array is None else [int(v) for v in array.reshape(-1)]

    def number(self, name: str, position: int) -> float | None:
        """Return a number that is an attribute in old opsets and an input in new ones; None where left out."""
        if name in self.attributes:
            return float(self.attributes[name])
        array = self.constant(position)
        if array is not None and array.size != 1:
            raise Refusal(f"input {position} has shape {array.shape}: it must be one number")
        return None if array is None else float(array.reshape(-1)[0])

    def axis(self, axis: int, rank: int | None = None) -> int:
        """Return the axis counted from the front; the batch's own axis is refused."""
        rank = self.rank() if rank is None else rank
        if not -rank <= axis < rank:
            raise Refusal(f"axis {axis} is outside a tensor of rank {rank}")
        if axis % rank == 0:
            raise Refusal("it acts across the batch axis")
        return axis % rank

    def refusal(self, reason: str) -> UnsupportedNode:
        """Return the node as an entry of an error's list."""
        return UnsupportedNode(self.name, self.operator, reason)


Handler = Callable[[NodeView], "Call | list[Call]"]

# (domain, operator) -> handler; a handler answers one Call, or one for each output.
HANDLERS: Registry[tuple[str, str], Handler] = Registry("operator")
