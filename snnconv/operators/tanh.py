"""Tanh and softsign, `x / (1 + |x|)`: activations that saturate on both sides."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from snnconv.graph.emission import Emission
from snnconv.graph.node import Call, NodeView
from snnconv.graph.operator import NeuronPlace, Operator, Time, register_operator
from snnconv.graph.shapes import same_shape
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR
from snnconv.operators.rectifier import NO_COST, NO_ROUTE


def _read(node: NodeView) -> Call:
    return Call((nn.Tanh() if node.operator == "Tanh" else nn.Softsign(),))


def _write(module: nn.Tanh | nn.Softsign, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node(type(module).__name__, inputs, name)


TANH = register_operator(
    Operator(
        modules=(nn.Tanh, nn.Softsign),
        reads={("", "Tanh"): _read, ("", "Softsign"): _read},
        write=_write,
        time=Time.FUNCTION,
        activation=NeuronPlace.TRANSFER,
        of_steps=True,
        cost=NO_COST,
        routes=NO_ROUTE,
        shape=same_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
        bounds=(-1.0, 1.0),
    )
)
