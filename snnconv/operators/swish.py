"""Swish, `x * sigmoid(slope * x)`, and Mish, `x * tanh(softplus(x))`.

Files of opset 18 have no operator for swish and hold its formula.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import nn

from snnconv.graph.elementwise import Swish
from snnconv.graph.emission import Emission
from snnconv.graph.node import Call, NodeView
from snnconv.graph.operator import Bounds
from snnconv.operators._records import register_activation

LOWEST_SILU, LOWEST_MISH = -0.2785, -0.3089  # to four digits
QUICK = 1.702  # slope of the swish that approximates GELU


def _read(node: NodeView) -> Call:
    slope = node.float_attribute("alpha", QUICK if node.operator == "QuickGelu" else 1.0)
    return Call((nn.SiLU() if slope == 1 else Swish(slope),))


def _read_mish(node: NodeView) -> Call:
    return Call((nn.Mish(),))


def _write(module: nn.SiLU | Swish, emission: Emission, inputs: Sequence[str], name: str) -> str:
    (x,) = inputs
    scaled = x
    if isinstance(module, Swish):
        slope = emission.constant(np.float32(module.slope), f"{name}.slope")
        scaled = emission.node("Mul", [x, slope], f"{name}.scaled")
    return emission.node("Mul", [x, emission.node("Sigmoid", [scaled], f"{name}.gate")], name)


def _write_mish(module: nn.Mish, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("Mish", inputs, name)


def _bounds(module: nn.SiLU | Swish) -> Bounds:
    slope = module.slope if isinstance(module, Swish) else 1.0
    if slope == 0:
        return (-math.inf, math.inf)
    return (LOWEST_SILU / slope, math.inf) if slope > 0 else (-math.inf, LOWEST_SILU / slope)


SWISH = register_activation(
    nn.SiLU, Swish, reads={("", "Swish"): _read, ("com.microsoft", "QuickGelu"): _read}, write=_write, bounds=_bounds
)
MISH = register_activation(nn.Mish, reads={("", "Mish"): _read_mish}, write=_write_mish, bounds=(LOWEST_MISH, math.inf))
