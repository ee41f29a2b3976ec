"""Activations: what can become a site, and the analog ones that cannot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import torch
from torch import nn

from snnconv.graph.emission import EMITTERS, Emission
from snnconv.graph.modules import Arithmetic, ParametricReLU, Reshape
from snnconv.graph.node import HANDLERS, Call, NodeView, Refusal

FLOAT32_MAX = float(np.finfo(np.float32).max)


@HANDLERS.register(("", "Relu"))
def _import_relu(node: NodeView) -> Call:
    return Call((nn.ReLU(),))


@HANDLERS.register(("", "Clip"))
def _import_clip(node: NodeView) -> Call:
    low, high = node.number("min", 1), node.number("max", 2)
    low = -math.inf if low is None or low <= -FLOAT32_MAX else low
    high = math.inf if high is None or high >= FLOAT32_MAX else high
    if (low, high) == (-math.inf, math.inf):
        return Call(())
    if (low, high) == (0, math.inf):
        return Call((nn.ReLU(),))
    if not low < high:
        raise Refusal(f"its bounds {low} and {high} leave nothing between them")
    return Call((nn.ReLU6() if (low, high) == (0, 6) else nn.Hardtanh(low, high),))


@HANDLERS.register(("", "LeakyRelu"))
def _import_leaky_relu(node: NodeView) -> Call:
    return Call((nn.LeakyReLU(node.float_attribute("alpha", 0.01)),))


@HANDLERS.register(("", "PRelu"))
def _import_prelu(node: NodeView) -> Call:
    slope = node.need_constant(1)
    if slope.ndim > node.rank() or (slope.ndim == node.rank() and slope.shape[0] != 1):
        raise Refusal(f"its slope of shape {slope.shape} differs between members of a batch")
    sizes = node.shape()[node.rank() - slope.ndim :]
    if any(size not in (1, whole) for size, whole in zip(slope.shape, sizes, strict=True)):
        raise Refusal(f"its slope of shape {slope.shape} does not fit an input of {list(node.shape()[1:])}")
    return Call((ParametricReLU(node.parameter(1)),))


@HANDLERS.register(("", "Sigmoid"))
def _import_sigmoid(node: NodeView) -> Call:
    return Call((nn.Sigmoid(),))


@HANDLERS.register(("", "HardSigmoid"))
def _import_hard_sigmoid(node: NodeView) -> Call:
    slope, shift = node.float_attribute("alpha", 0.2), node.float_attribute("beta", 0.5)
    if math.isclose(slope, 1 / 6, rel_tol=1e-6) and shift == 0.5:
        return Call((nn.Hardsigmoid(),))
    line = (Arithmetic("mul", _number(slope)), Arithmetic("add", _number(shift)))
    return Call((*line, nn.Hardtanh(0.0, 1.0)))


def _number(value: float) -> nn.Parameter:
    return nn.Parameter(torch.tensor(value, dtype=torch.float32))


@HANDLERS.register(("", "HardSwish"))
def _import_hard_swish(node: NodeView) -> Call:
    return Call((nn.Hardswish(),))


@HANDLERS.register(("", "Softmax"))
def _import_softmax(node: NodeView) -> Call:
    rank = node.rank()
    if node.opset >= 13:
        return Call((nn.Softmax(node.axis(node.int_attribute("axis", -1))),))
    axis = node.axis(node.int_attribute("axis", 1))
    if axis == rank - 1:
        return Call((nn.Softmax(axis),))
    shape = node.shape()[1:]  # before opset 13 it normalises over all axes from `axis` on
    merged = (*shape[: axis - 1], math.prod(shape[axis - 1 :]))
    return Call((Reshape(Fraction(1), merged), nn.Softmax(axis), Reshape(Fraction(1), shape)))


@EMITTERS.register(nn.ReLU)
def _emit_relu(module: nn.ReLU, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("Relu", inputs, name)


@EMITTERS.register(nn.Hardtanh, nn.ReLU6)
def _emit_clip(module: nn.Hardtanh, emission: Emission, inputs: Sequence[str], name: str) -> str:
    bounds = [
        emission.constant(np.float32(value), f"{name}.{which}") if math.isfinite(value) else ""
        for which, value in (("min", module.min_val), ("max", module.max_val))
    ]
    return emission.node("Clip", [*inputs, *(bounds if bounds[1] else bounds[:1])], name)


@EMITTERS.register(nn.LeakyReLU)
def _emit_leaky_relu(module: nn.LeakyReLU, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("LeakyRelu", inputs, name, alpha=float(module.negative_slope))


@EMITTERS.register(ParametricReLU)
def _emit_prelu(module: ParametricReLU, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("PRelu", [*inputs, emission.parameter(module.slope, f"{name}.slope")], name)


@EMITTERS.register(nn.Sigmoid)
def _emit_sigmoid(module: nn.Sigmoid, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("Sigmoid", inputs, name)


@EMITTERS.register(nn.Hardsigmoid)
def _emit_hard_sigmoid(module: nn.Hardsigmoid, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("HardSigmoid", inputs, name, alpha=1 / 6, beta=0.5)


@EMITTERS.register(nn.Hardswish)
def _emit_hard_swish(module: nn.Hardswish, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("HardSwish", inputs, name)


@EMITTERS.register(nn.Softmax)
def _emit_softmax(module: nn.Softmax, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("Softmax", inputs, name, axis=module.dim)
