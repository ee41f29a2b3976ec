"""Shrink: values near 0 become 0, all others move towards it."""

from __future__ import annotations

from collections.abc import Sequence

from snnconv.graph.elementwise import Shrink
from snnconv.graph.emission import Emission
from snnconv.graph.node import Call, NodeView
from snnconv.graph.operator import NeuronPlace, Operator, Time, register_operator
from snnconv.graph.shapes import same_shape
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR
from snnconv.operators.rectifier import NO_COST, NO_ROUTE


def _read(node: NodeView) -> Call:
    return Call((Shrink(node.float_attribute("lambd", 0.5), node.float_attribute("bias", 0.0)),))


def _write(module: Shrink, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("Shrink", inputs, name, lambd=float(module.threshold), bias=float(module.shift))


SHRINK = register_operator(
    Operator(
        modules=(Shrink,),
        reads={("", "Shrink"): _read},
        write=_write,
        time=Time.FUNCTION,
        activation=NeuronPlace.TRANSFER,
        of_steps=True,
        cost=NO_COST,
        routes=NO_ROUTE,
        shape=same_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
