"""ReLU, and clipping between two bounds: the activations whose place neurons take, where the lower bound is 0."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import nn

from snnconv.graph.emission import Emission
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import Bounds, NeuronPlace, NoForm, Operator, Time, register_operator
from snnconv.graph.shapes import same_shape
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR

FLOAT32_MAX = float(np.finfo(np.float32).max)
NO_COST = NoForm("activations have no price")
NO_ROUTE = NoForm("its output is no spike")


def clip_between(low: float, high: float) -> nn.Module:
    """Return the module that clips to bounds of which one is finite; a lower bound of 0 makes it a rectifier."""
    if (low, high) == (0, math.inf):
        return nn.ReLU()
    return nn.ReLU6() if (low, high) == (0, 6) else nn.Hardtanh(low, high)


def _read_relu(node: NodeView) -> Call:
    return Call((nn.ReLU(),))


def _read_clip(node: NodeView) -> Call:
    low, high = node.number("min", 1), node.number("max", 2)
    low = -math.inf if low is None or low <= -FLOAT32_MAX else low
    high = math.inf if high is None or high >= FLOAT32_MAX else high
    if (low, high) == (-math.inf, math.inf):
        return Call(())
    if (low, high) != (0, math.inf) and not low < high:
        raise Refusal(f"its bounds {low} and {high} leave nothing between them")
    return Call((clip_between(low, high),))


def _write_relu(module: nn.ReLU, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("Relu", inputs, name)


def _write_clip(module: nn.Hardtanh, emission: Emission, inputs: Sequence[str], name: str) -> str:
    bounds = [
        emission.constant(np.float32(value), f"{name}.{which}") if math.isfinite(value) else ""
        for which, value in (("min", module.min_val), ("max", module.max_val))
    ]
    return emission.node("Clip", [*inputs, *(bounds if bounds[1] else bounds[:1])], name)


def _stands_for_neurons(module: nn.Hardtanh) -> NeuronPlace:
    """Take its place where the lower bound is 0, else stand behind it."""
    return NeuronPlace.RECTIFIER if module.min_val == 0 else NeuronPlace.TRANSFER


def _bounds(module: nn.Hardtanh) -> Bounds:
    return float(module.min_val), float(module.max_val)


RELU = register_operator(
    Operator(
        modules=(nn.ReLU,),
        reads={("", "Relu"): _read_relu},
        write=_write_relu,
        time=Time.FUNCTION,
        activation=NeuronPlace.RECTIFIER,
        of_steps=False,
        cost=NO_COST,
        routes=NO_ROUTE,
        shape=same_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
        bounds=(0.0, math.inf),
    )
)
CLIP = register_operator(
    Operator(
        modules=(nn.Hardtanh, nn.ReLU6),
        reads={("", "Clip"): _read_clip},
        write=_write_clip,
        time=Time.FUNCTION,
        activation=_stands_for_neurons,
        of_steps=True,
        cost=NO_COST,
        routes=NO_ROUTE,
        shape=same_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
        bounds=_bounds,
    )
)
