"""An assignment to a slice that is all of the tensor, as `x[:] += y` is written."""

from __future__ import annotations

from snnconv.graph.node import Call, Constant, NodeView, Refusal
from snnconv.graph.operator import Composed, register_composed


def _read(node: NodeView) -> Call:
    indices, updates = node.operand(1), node.activation(2)
    if node.attributes.get("reduction", "none") != "none" or not isinstance(indices, Constant):
        raise Refusal("elements that are added to, or depend on the network's input, are not supported")
    for places, shape in zip(indices.values, node.activation().shapes, strict=True):
        length = node.file_length() if shape == node.shape() and node.file_batch else shape[0]
        if places.ndim != 2 or places.shape[1] != 1 or list(places[:, 0]) != list(range(length or shape[0])):
            raise Refusal("it changes a part of a tensor; only one that is replaced as a whole is supported")
    if updates.shapes != node.activation().shapes:
        raise Refusal("what is put in has another shape than what it is put into")
    return Call((), (2,))


SCATTER = register_composed(Composed(reads={("", "ScatterND"): _read}, made_of=()))
