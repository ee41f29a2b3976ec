"""LeakyReLU and PReLU: what is negative is multiplied by a slope, one or one a channel."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

from snnconv.graph.emission import Emission
from snnconv.graph.modules import ParametricReLU
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import UNBOUNDED, Bounds, NeuronPlace, Operator, Time, register_operator
from snnconv.operators._records import register_activation
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR
from snnconv.operators.rectifier import NO_COST, NO_ROUTE


def _read_leaky_relu(node: NodeView) -> Call:
    return Call((nn.LeakyReLU(node.float_attribute("alpha", 0.01)),))


def _read_prelu(node: NodeView) -> Call:
    slope = node.need_constant(1)
    if slope.ndim > node.rank() or (slope.ndim == node.rank() and slope.shape[0] != 1):
        raise Refusal(f"its slope of shape {slope.shape} differs between members of a batch")
    sizes = node.shape()[node.rank() - slope.ndim :]
    if any(size not in (1, whole) for size, whole in zip(slope.shape, sizes, strict=True)):
        raise Refusal(f"its slope of shape {slope.shape} does not fit an input of {list(node.shape()[1:])}")
    return Call((ParametricReLU(node.parameter(1)),))


def _write_leaky_relu(module: nn.LeakyReLU, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("LeakyRelu", inputs, name, alpha=float(module.negative_slope))


def _write_prelu(module: ParametricReLU, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("PRelu", [*inputs, emission.parameter(module.slope, f"{name}.slope")], name)


def _leaky_bounds(module: nn.LeakyReLU) -> Bounds:
    return UNBOUNDED if module.negative_slope > 0 else (0.0, math.inf)


def _prelu_bounds(module: ParametricReLU) -> Bounds:
    return UNBOUNDED if bool((module.slope > 0).any()) else (0.0, math.inf)


LEAKY_RELU = register_activation(
    nn.LeakyReLU, reads={("", "LeakyRelu"): _read_leaky_relu}, write=_write_leaky_relu, bounds=_leaky_bounds
)
PRELU = register_operator(
    Operator(
        modules=(ParametricReLU,),
        reads={("", "PRelu"): _read_prelu},
        write=_write_prelu,
        time=Time.FUNCTION,
        activation=NeuronPlace.TRANSFER,
        of_steps=True,
        cost=NO_COST,
        routes=NO_ROUTE,
        shape=None,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
        bounds=_prelu_bounds,
    )
)
