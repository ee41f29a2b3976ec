"""Axes in another order; axis 0 stays."""

from __future__ import annotations

from collections.abc import Sequence

from snnconv.graph.emission import Emission
from snnconv.graph.modules import Transpose
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import FREE, NeuronPlace, Operator, Time, moved, register_operator


def _read(node: NodeView) -> Call:
    rank = node.rank()
    order = [int(axis) for axis in node.attributes.get("perm", reversed(range(rank)))]
    if sorted(order) != list(range(rank)):
        raise Refusal(f"its perm {order} does not fit an input of rank {rank}")
    if order[0] != 0:
        raise Refusal("it moves the batch axis")
    return Call(() if order == sorted(order) else (Transpose(order),))


def _write(module: Transpose, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("Transpose", inputs, name, perm=list(module.order))


TRANSPOSE = register_operator(
    Operator(
        modules=(Transpose,),
        reads={("", "Transpose"): _read},
        write=_write,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=FREE,
        routes=moved,
        shape=None,
    )
)
