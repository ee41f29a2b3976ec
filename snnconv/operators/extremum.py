"""The largest or smallest of several activations and constants; beside a number it is an activation that clips."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from torch import nn

from snnconv.graph.emission import Emission
from snnconv.graph.modules import Extremum
from snnconv.graph.node import Activation, Call, NodeView, Refusal
from snnconv.graph.operator import NeuronPlace, NoForm, Operator, Time, register_operator
from snnconv.operators._constants import check_broadcast
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR
from snnconv.operators.rectifier import clip_between


def _read(node: NodeView) -> Call:
    kind: Literal["max", "min"] = "max" if node.operator == "Max" else "min"
    changing = [i for i, operand in enumerate(node.operands) if isinstance(operand, Activation)]
    if len({node.rank(position) for position in changing}) > 1:
        raise Refusal("its operands have different ranks, so that one would be broadcast over the batch axis")
    rank = node.rank(changing[0])
    stated = [_bound(node, i, kind, rank) for i in range(len(node.operands)) if i not in changing]
    bounds = [bound for bound in stated if bound is not None]
    if len(changing) == 1 and len(bounds) == 1:
        return _behind_the_other(node.activation(changing[0]), bounds[0])
    several = [Extremum(kind)] if len(changing) > 1 else []
    return Call((*several, *bounds), tuple(changing))


def _bound(node: NodeView, position: int, kind: Literal["max", "min"], rank: int) -> nn.Module | None:
    """A constant operand as a bound: one number clips; infinity may be none."""
    check_broadcast(node, position, rank)
    constant = node.need_constant(position)
    if constant.size != 1:
        return Extremum(kind, node.parameter(position))
    number = float(constant.reshape(-1)[0])
    if math.isnan(number):
        raise Refusal("its bound is NaN")
    low, high = (number, math.inf) if kind == "max" else (-math.inf, number)
    return None if math.isinf(low) and math.isinf(high) else clip_between(low, high)


def _behind_the_other(x: Activation, bound: nn.Module) -> Call:
    """An upper bound that is right behind the lower bound 0 becomes one activation with it."""
    if isinstance(bound, nn.Hardtanh) and isinstance(x.module, nn.ReLU):
        low, high = float(bound.min_val), float(bound.max_val)
        if math.isinf(low) and high > 0:
            return Call((clip_between(0.0, high),), (x.sources[0],))
    return Call((bound,), (x,))


def _write(module: Extremum, emission: Emission, inputs: Sequence[str], name: str) -> str:
    bounds = [] if module.constant is None else [emission.parameter(module.constant, f"{name}.constant")]
    return emission.node(module.kind.capitalize(), [*inputs, *bounds], name)


def _stands_to_neurons(module: Extremum) -> NeuronPlace:
    """Stand where a linear operator or a product reads it, where it is beside a constant."""
    return NeuronPlace.NONE if module.constant is None else NeuronPlace.READ


def _shape(module: Extremum, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    constants = [] if module.constant is None else [tuple(module.constant.shape)]
    return np.broadcast_shapes(*shapes, *constants)


EXTREMUM = register_operator(
    Operator(
        modules=(Extremum,),
        reads={("", "Max"): _read, ("", "Min"): _read},
        write=_write,
        time=Time.FUNCTION,
        activation=_stands_to_neurons,
        of_steps=False,
        cost=NoForm("comparisons have no price"),
        routes=NoForm("a maximum of spikes is not known by their counts"),
        shape=_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
