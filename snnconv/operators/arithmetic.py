"""Add, Sub, Mul, Div: of two activations, or of an activation and a constant.

Exporters write hard-sigmoid and hard-swish as sums, clips and products, too: `relu6(x + 3) / 6`, and x times that.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from snnconv.graph.emission import Emission
from snnconv.graph.modules import Arithmetic, ArithmeticName
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import Arrival, Cost, NeuronPlace, Operator, Time, Work, register_operator
from snnconv.operators.hard_swish import hard_swish_in
from snnconv.operators.sigmoid import hard_sigmoid_in

NAMES: dict[str, ArithmeticName] = {"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div"}


def _read(node: NodeView) -> Call:
    return hard_swish_in(node) or hard_sigmoid_in(node) or _arithmetic(node)


def _arithmetic(node: NodeView) -> Call:
    operator = NAMES[node.operator]
    constants = [position for position in (0, 1) if node.is_constant(position)]
    if not constants:
        if node.rank(0) != node.rank(1):
            raise Refusal("its operands have different ranks, so that one would be broadcast over the batch axis")
        return Call((Arithmetic(operator),), (0, 1))
    position = constants[0]
    array = node.need_constant(position)
    rank = node.rank(1 - position)
    if array.ndim > rank or (array.ndim == rank and array.shape[0] != 1):
        raise Refusal(f"its constant of shape {array.shape} differs between members of a batch")
    if operator == "div" and position == 1 and not array.all():
        raise Refusal("it divides by a constant that is 0")
    module = Arithmetic(operator, node.parameter(position), constant_first=position == 0)
    return Call((module,), (1 - position,))


def _read_neg(node: NodeView) -> Call:
    return Call((Arithmetic("mul", nn.Parameter(torch.tensor(-1.0))),))


def _write(module: Arithmetic, emission: Emission, inputs: Sequence[str], name: str) -> str:
    operands = list(inputs)
    if len(operands) == 1:
        assert module.constant is not None
        constant = emission.parameter(module.constant, f"{name}.constant")
        operands.insert(0 if module.constant_first else 1, constant)
    return emission.node(module.operator.capitalize(), operands, name)


def _time(module: Arithmetic, changing: Sequence[bool]) -> Time:
    """Sums are affine in both operands together, products in one, quotients in the numerator."""
    if module.operator in ("add", "sub"):
        return Time.AFFINE
    if sum(changing) > 1:
        return Time.PRODUCT
    numerator_changes = not module.constant_first and changing[0]
    return Time.AFFINE if module.operator == "mul" or numerator_changes else Time.FUNCTION


def _dense(module: Arithmetic, inputs: int, outputs: int) -> Work:
    """One addition or one multiplication an output."""
    return Work(0, outputs) if module.operator in ("add", "sub") else Work(outputs, 0)


def _arrival(module: Arithmetic) -> Arrival:
    """Summands are an addition each, factors a multiplication each."""
    if module.operator in ("add", "sub"):
        return Arrival.ADDED
    return Arrival.SCALED if module.operator == "mul" else Arrival.VALUES


def _route(module: Arithmetic, counts: Sequence[Tensor]) -> Tensor | None:
    """All: a constant factor belongs to the next synapse's weight, a constant summand to its bias."""
    if module.constant is not None:
        if module.operator == "div" and module.constant_first:
            return None
        return counts[0].expand_as(counts[0] + module.constant)
    return counts[0] + counts[1] if module.operator in ("add", "sub") else None


def _shape(module: Arithmetic, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    constants = [] if module.constant is None else [tuple(module.constant.shape)]
    return np.broadcast_shapes(*shapes, *constants)


ARITHMETIC = register_operator(
    Operator(
        modules=(Arithmetic,),
        reads={**{("", name): _read for name in NAMES}, ("", "Neg"): _read_neg},
        write=_write,
        time=_time,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=Cost(dense=_dense, arrival=_arrival),
        routes=_route,
        shape=_shape,
    )
)
