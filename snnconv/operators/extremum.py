"""The largest or smallest of several activations; beside a number it is an activation that clips."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

from snnconv.graph.emission import Emission
from snnconv.graph.modules import Extremum
from snnconv.graph.node import Activation, Call, NodeView, Refusal
from snnconv.graph.operator import NeuronPlace, NoForm, Operator, Time, register_operator
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR
from snnconv.operators.rectifier import clip_between


def _read(node: NodeView) -> Call:
    if len(node.operands) == 1:
        return Call(())
    if all(isinstance(operand, Activation) for operand in node.operands):
        if len({node.rank(position) for position in range(len(node.operands))}) > 1:
            raise Refusal("its operands have different ranks, so that one would be broadcast over the batch axis")
        return Call((Extremum("max" if node.operator == "Max" else "min"),), tuple(range(len(node.operands))))
    position = next(i for i, operand in enumerate(node.operands) if isinstance(operand, Activation))
    if len(node.operands) > 2:
        raise Refusal("of more than two operands all must be activations")
    constant = node.need_constant(1 - position)
    if constant.size != 1 or constant.ndim > node.rank(position):
        raise Refusal(f"its constant of shape {constant.shape} is not a single number")
    return _clipped(node.activation(position), float(constant.reshape(-1)[0]), lower=node.operator == "Max")


def _clipped(x: Activation, bound: float, *, lower: bool) -> Call:
    """A bound from below or above; where the other one stands right before it, both of them."""
    low, high = (bound, math.inf) if lower else (-math.inf, bound)
    if not lower and isinstance(x.module, nn.ReLU) and bound > 0:
        x, low = x.sources[0], 0.0
    if math.isnan(bound):
        raise Refusal("its bound is NaN")
    unbounded = math.isinf(low) and math.isinf(high)
    return Call(() if unbounded else (clip_between(low, high),), (x,))


def _write(module: Extremum, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node(module.kind.capitalize(), inputs, name)


EXTREMUM = register_operator(
    Operator(
        modules=(Extremum,),
        reads={("", "Max"): _read, ("", "Min"): _read},
        write=_write,
        time=Time.FUNCTION,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=NoForm("comparisons have no price"),
        routes=NoForm("a maximum of spikes is not known by their counts"),
        shape=None,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
