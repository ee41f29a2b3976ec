"""Softmax along one axis; before opset 13 over all axes from one on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from torch import nn

from snnconv.graph.emission import Emission
from snnconv.graph.modules import Reshape
from snnconv.graph.node import Call, NodeView
from snnconv.graph.operator import NeuronPlace, Operator, Time, register_operator
from snnconv.graph.shapes import same_shape
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR
from snnconv.operators.rectifier import NO_COST, NO_ROUTE


def _read(node: NodeView) -> Call:
    rank = node.rank()
    if node.opset >= 13:
        return Call((nn.Softmax(node.axis(node.int_attribute("axis", -1))),))
    axis = node.axis(node.int_attribute("axis", 1))
    if axis == rank - 1:
        return Call((nn.Softmax(axis),))
    shape = node.shape()[1:]
    merged = (*shape[: axis - 1], math.prod(shape[axis - 1 :]))
    return Call((Reshape(Fraction(1), merged), nn.Softmax(axis), Reshape(Fraction(1), shape)))


def _write(module: nn.Softmax, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("Softmax", inputs, name, axis=module.dim)


SOFTMAX = register_operator(
    Operator(
        modules=(nn.Softmax,),
        reads={("", "Softmax"): _read},
        write=_write,
        time=Time.FUNCTION,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=NO_COST,
        routes=NO_ROUTE,
        shape=same_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
