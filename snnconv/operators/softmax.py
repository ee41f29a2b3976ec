"""Softmax along one axis, and its logarithm; before opset 13 over all axes from one on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from torch import nn

from snnconv.graph.emission import Emission
from snnconv.graph.modules import Reshape
from snnconv.graph.node import Call, NodeView
from snnconv.graph.operator import Bounds
from snnconv.operators._records import register_function
from snnconv.operators.rectifier import NO_COST


def _read(node: NodeView) -> Call:
    kind, rank = nn.Softmax if node.operator == "Softmax" else nn.LogSoftmax, node.rank()
    if node.opset >= 13:
        return Call((kind(node.axis(node.int_attribute("axis", -1))),))
    axis = node.axis(node.int_attribute("axis", 1))
    if axis == rank - 1:
        return Call((kind(axis),))
    shape = node.shape()[1:]
    merged = (*shape[: axis - 1], math.prod(shape[axis - 1 :]))
    return Call((Reshape(Fraction(1), merged), kind(axis), Reshape(Fraction(1), shape)))


def _write(module: nn.Softmax | nn.LogSoftmax, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node(type(module).__name__, inputs, name, axis=module.dim)


def _bounds(module: nn.Softmax | nn.LogSoftmax) -> Bounds:
    return (0.0, 1.0) if isinstance(module, nn.Softmax) else (-math.inf, 0.0)


SOFTMAX = register_function(
    nn.Softmax,
    nn.LogSoftmax,
    reads={("", "Softmax"): _read, ("", "LogSoftmax"): _read},
    write=_write,
    cost=NO_COST,
    bounds=_bounds,
)
