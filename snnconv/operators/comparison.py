"""Comparisons, and, or, xor, not; of two activations, or of an activation and a constant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import onnx
import torch

from snnconv.graph.emission import Emission
from snnconv.graph.kinds import Truth, before_cast
from snnconv.graph.node import Activation, Call, NodeView, Refusal
from snnconv.graph.operator import (
    Composed,
    NeuronPlace,
    NoForm,
    Operator,
    Time,
    register_composed,
    register_operator,
)
from snnconv.graph.selection import ComparisonName, Logical, LogicName, Relation
from snnconv.graph.shapes import Shape
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR

NO_COST = NoForm("comparisons have no price")
NO_ROUTE = NoForm("truths are no spikes")
COMPARED: dict[str, ComparisonName] = {
    "Equal": "equal",
    "Greater": "greater",
    "GreaterOrEqual": "greater_or_equal",
    "Less": "less",
    "LessOrEqual": "less_or_equal",
}
COMBINED: dict[str, LogicName] = {"And": "and", "Or": "or", "Xor": "xor"}


def _read_comparison(node: NodeView) -> Call:
    return _of_two(node, lambda constant, first: Relation(COMPARED[node.operator], constant, constant_first=first))


def _read_logical(node: NodeView) -> Call:
    call = _of_two(node, lambda constant, first: Logical(COMBINED[node.operator], constant, constant_first=first))
    operands = [node.activation(operand) for operand in call.operands if isinstance(operand, int)]
    return replace(call, operands=tuple(before_cast(operand, Truth) for operand in operands))


def _of_two(node: NodeView, module: Callable[[torch.Tensor | None, bool], Relation | Logical]) -> Call:
    position = next((position for position in (0, 1) if node.is_constant(position)), None)
    if position is None:
        check_ranks([node.activation(0), node.activation(1)])
        return Call((module(None, False),), (0, 1), kind="bool")
    check_broadcast(node.need_constant(position).shape, node.rank(1 - position))
    return Call((module(node.bound(position), position == 0),), (1 - position,), kind="bool")


def check_ranks(activations: Sequence[Activation]) -> None:
    """Refuse activations of different ranks.

    Raises:
        Refusal: One of them would be broadcast over the batch axis.
    """
    if len({len(activation.shapes[0]) for activation in activations}) > 1:
        raise Refusal("its operands have different ranks, so that one would be broadcast over the batch axis")


def check_broadcast(shape: Shape, rank: int) -> None:
    """Refuse a constant that is not the same for every member of a batch, beside an activation of this rank.

    Raises:
        Refusal: It has more axes, or as many and is longer than 1 along the batch's.
    """
    if len(shape) > rank or (len(shape) == rank and shape[0] != 1):
        raise Refusal(f"its constant of shape {shape} differs between members of a batch")


def _read_not(node: NodeView) -> Call:
    return Call((negation(),), kind="bool")


def negation() -> Relation:
    """Return the module of `not x`: whether x is 0."""
    return Relation("equal", torch.tensor(0.0))


def _read_is_nan(node: NodeView) -> Call:
    """Not equal to itself."""
    return Call((Relation("equal"), negation()), (0, 0), kind="bool")


def _read_is_inf(node: NodeView) -> Call:
    bounds = [
        Relation("equal", torch.tensor(bound))
        for name, bound in (("detect_positive", np.inf), ("detect_negative", -np.inf))
        if node.int_attribute(name, 1)
    ]
    if len(bounds) == 2:
        return Call((Logical("or"),), tuple(Call((module,)) for module in bounds), kind="bool")
    return Call((*bounds,) if bounds else (Logical("and", torch.tensor(0.0)),), kind="bool")


def _operands(module: Relation | Logical, emission: Emission, inputs: Sequence[str], name: str) -> list[str]:
    operands = list(inputs)
    if module.constant is not None:
        constant = emission.parameter(module.constant, f"{name}.constant")
        operands.insert(0 if module.constant_first else 1, constant)
    return operands


def _write_comparison(module: Relation, emission: Emission, inputs: Sequence[str], name: str) -> str:
    operator = next(operator for operator, function in COMPARED.items() if function == module.function)
    operands = _operands(module, emission, inputs, name)
    return as_float(emission, emission.node(operator, operands, f"{name}.truth"), name)


def _write_logical(module: Logical, emission: Emission, inputs: Sequence[str], name: str) -> str:
    operands = [
        as_truth(emission, operand, f"{name}.truth{position}")
        for position, operand in enumerate(_operands(module, emission, inputs, name))
    ]
    return as_float(emission, emission.node(module.function.capitalize(), operands, f"{name}.both"), name)


def as_truth(emission: Emission, tensor: str, name: str) -> str:
    """Return the name of a tensor's truth as booleans."""
    return emission.node("Cast", [tensor], name, to=onnx.TensorProto.BOOL)


def as_float(emission: Emission, tensor: str, name: str) -> str:
    """Return the name of a tensor of integers or booleans as floating-point numbers."""
    return emission.node("Cast", [tensor], name, to=onnx.TensorProto.FLOAT)


def _shape(module: Relation | Logical, shapes: Sequence[Shape]) -> Shape:
    constants = [] if module.constant is None else [tuple(module.constant.shape)]
    return np.broadcast_shapes(*shapes, *constants)


COMPARISON = register_operator(
    Operator(
        modules=(Relation,),
        reads={("", name): _read_comparison for name in COMPARED},
        write=_write_comparison,
        time=Time.FUNCTION,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=NO_COST,
        routes=NO_ROUTE,
        shape=_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
        bounds=(0.0, 1.0),
    )
)
LOGICAL = register_operator(
    Operator(
        modules=(Logical,),
        reads={("", name): _read_logical for name in COMBINED},
        write=_write_logical,
        time=Time.FUNCTION,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=NO_COST,
        routes=NO_ROUTE,
        shape=_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
        bounds=(0.0, 1.0),
    )
)
NEGATION = register_composed(
    Composed(
        reads={("", "Not"): _read_not, ("", "IsNaN"): _read_is_nan, ("", "IsInf"): _read_is_inf},
        made_of=(Relation, Logical),
    )
)
