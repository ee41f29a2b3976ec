"""Rows of the embeddings that read whole numbers among a network's inputs, which bound them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import fx, nn

from snnconv.graph.access import module_of
from snnconv.graph.embedding import Embedding
from snnconv.graph.operator import find_operator, moved
from snnconv.graph.parts import Part
from snnconv.inputspec import InputSpec

__all__ = ["with_limits"]


def with_limits(spec: InputSpec, graph: fx.GraphModule) -> InputSpec:
    """Return an input whose whole numbers are bounded by the rows of the embeddings that they choose from.

    Args:
        spec: Input of the network.
        graph: Its graph.
    """
    limits: dict[str, int] = {}
    for node in graph.graph.nodes:
        module = module_of(graph, node) if node.op == "call_module" else None
        part = _part_behind(graph, node.args[0]) if isinstance(module, Embedding) else None
        if isinstance(module, Embedding) and part is not None:
            rows = len(module.weight)
            limits[part.name] = min(rows, limits.get(part.name, rows))
    return replace(spec, parts=tuple(replace(part, limit=limits.get(part.name)) for part in spec.parts))


def _part_behind(graph: fx.GraphModule, node: Any) -> Part | None:
    """Return the input whose numbers a node only moves; None where it computes others."""
    while isinstance(node, fx.Node) and node.op == "call_module":
        module = module_of(graph, node)
        if isinstance(module, Part):
            return module
        if not _moves(module):
            return None
        node = node.args[0]
    return None


def _moves(module: nn.Module) -> bool:
    """Return whether a module moves numbers and computes none."""
    operator = find_operator(module)
    return operator is not None and operator.routes is moved
