"""The order of a file's nodes: those that an output depends on, and each behind those that it reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import onnx

from snnconv.errors import ModelError
from snnconv.graph.naming import readable_name

__all__ = ["in_order", "live_values", "only_shapes"]

SHOWN = 5  # nodes of a circle that an error names


def live_values(graph: onnx.GraphProto) -> set[str]:
    """Return the names of the values that an output depends on."""
    live = {value.name for value in graph.output}
    for node in reversed(graph.node):
        if not live.isdisjoint(node.output):
            live.update(_reads(node))
    return live - {""}


def in_order(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model whose nodes come behind those whose outputs they read; the same object where they do already.

    Raises:
        ModelError: Nodes read one another in a circle.
    """
    graph = model.graph
    outputs = [name for node in graph.node for name in node.output if name]
    makers = {name: at for at, node in enumerate(graph.node) for name in node.output if name}
    for source in (*graph.input, *graph.initializer):
        makers.pop(source.name, None)
    needs = [{makers[name] for name in _reads(node) if name in makers} for node in graph.node]
    if len(set(outputs)) < len(outputs) or all(max(before, default=-1) < at for at, before in enumerate(needs)):
        return model
    order = _order(graph, needs)
    ordered = onnx.ModelProto()
    ordered.CopyFrom(model)
    del ordered.graph.node[:]
    ordered.graph.node.extend(graph.node[at] for at in order)
    return ordered


def _order(graph: onnx.GraphProto, needs: Sequence[set[int]]) -> list[int]:
    """Return the numbers of the nodes in order, from those that each needs before it."""
    readers: dict[int, list[int]] = {}
    for at, before in enumerate(needs):
        for maker in before:
            readers.setdefault(maker, []).append(at)
    missing = [len(before) for before in needs]
    ready = [at for at, count in enumerate(missing) if not count]
    for at in ready:  # grows while it is gone through
        for reader in readers.get(at, ()):
            missing[reader] -= 1
            if not missing[reader]:
                ready.append(reader)
    if len(ready) < len(graph.node):
        raise ModelError(_circle_text([graph.node[at] for at in _circle(needs, missing)]))
    return ready


def _circle(needs: Sequence[set[int]], missing: Sequence[int]) -> list[int]:
    """Return the nodes of one circle, in the order in which they read one another."""
    at = next(at for at, count in enumerate(missing) if count)
    path: list[int] = []
    while at not in path:
        path.append(at)
        at = min(before for before in needs[at] if missing[before])
    circle = path[path.index(at) :][::-1]
    first = circle.index(min(circle))
    return circle[first:] + circle[:first]


def _circle_text(nodes: Sequence[onnx.NodeProto]) -> str:
    names = ", ".join(f"{node.op_type} {readable_name(node)!r}" for node in nodes[:SHOWN])
    more = f", and {len(nodes) - SHOWN} more" if len(nodes) > SHOWN else ""
    return (
        f"The network's nodes read one another in a circle: {names}{more}. Only networks without feedback are "
        "converted; a state that goes from one time step to the next cannot be."
    )


def only_shapes(graph: onnx.GraphProto) -> set[str]:
    """Return the names of the values of which nothing but the shape is read."""
    read: dict[str, bool] = {}
    for node in graph.node:
        for name in _reads(node):
            read[name] = read.get(name, True) and node.op_type == "Shape"
    return {name for name, alone in read.items() if alone} - {value.name for value in graph.output}


def _reads(node: onnx.NodeProto) -> Iterator[str]:
    """Names that a node reads, those in its subgraphs included."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from _reads(inner)
