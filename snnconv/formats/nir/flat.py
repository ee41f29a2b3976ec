"""A graph of graphs as one graph: the inputs and outputs of inner graphs become nodes that change nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from snnconv.errors import FileError, ModelError
from snnconv.formats.nir.hdf5 import NirNode

__all__ = ["FlatGraph", "flatten"]


@dataclass(frozen=True)
class FlatGraph:
    """Nodes without graphs among them.

    Attributes:
        nodes: Nodes by name, the name of an inner graph in front.
        edges: Edges without repetitions, in the order of the file.
        input: Name of the only input.
        input_shape: Shape of one sample.
        outputs: Names of the outputs, at least one.
    """

    nodes: Mapping[str, NirNode]
    edges: tuple[tuple[str, str], ...]
    input: str
    input_shape: tuple[int, ...]
    outputs: tuple[str, ...]

    def sources(self, name: str) -> tuple[str, ...]:
        """Return the nodes with an edge to this one."""
        return self._around[0].get(name, ())

    def targets(self, name: str) -> tuple[str, ...]:
        """Return the nodes that this one has an edge to."""
        return self._around[1].get(name, ())

    @cached_property
    def _around(self) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
        """Return the nodes before each node, and those behind it, by name."""
        sources: dict[str, list[str]] = defaultdict(list)
        targets: dict[str, list[str]] = defaultdict(list)
        for source, target in self.edges:
            sources[target].append(source)
            targets[source].append(target)
        before, behind = (
            {name: tuple(sorted(ends)) for name, ends in neighbours.items()} for neighbours in (sources, targets)
        )
        return before, behind


def flatten(graph: NirNode, path: Path) -> FlatGraph:
    """Return all nodes of a graph and of the graphs within it.

    Raises:
        FileError: An edge leads to a node that is not there, or no shape is stated for the input.
        ModelError: There is not exactly one input, or there is no output.
    """
    nodes: dict[str, NirNode] = {}
    edges: list[tuple[str, str]] = []
    _collect(graph, "", nodes, edges, path)
    inputs = [name for name, node in graph.nodes.items() if node.kind == "Input"]
    outputs = [name for name, node in graph.nodes.items() if node.kind == "Output"]
    if len(inputs) != 1 or not outputs:
        raise ModelError(
            f"{path} has {len(inputs)} inputs and {len(outputs)} outputs: one input, and one output at least, are read."
        )
    shape = graph.nodes[inputs[0]].values.get("shape")
    if not isinstance(shape, np.ndarray) or shape.ndim != 1 or shape.dtype.kind not in "iu" or (shape < 1).any():
        raise FileError(f"{path} is damaged: its input {inputs[0]!r} states the shape {shape!r}.")
    return FlatGraph(
        nodes, tuple(dict.fromkeys(edges)), inputs[0], tuple(int(size) for size in shape), tuple(sorted(outputs))
    )


def _collect(graph: NirNode, prefix: str, nodes: dict[str, NirNode], edges: list[tuple[str, str]], path: Path) -> None:
    for name, node in graph.nodes.items():
        if node.kind == "NIRGraph":
            _collect(node, f"{prefix}{name}.", nodes, edges, path)
        else:
            kind = "Identity" if prefix and node.kind in ("Input", "Output") else node.kind
            nodes[prefix + name] = NirNode(kind, node.values, node.metadata)
    for source, target in graph.edges:
        ends = [_end(graph, name, kind, prefix, path) for name, kind in ((source, "Output"), (target, "Input"))]
        edges += [(a, b) for a in ends[0] for b in ends[1]]


def _end(graph: NirNode, name: str, kind: str, prefix: str, path: Path) -> list[str]:
    """Return the ends of an edge: a node, or an inner graph's outputs or inputs."""
    node = graph.nodes.get(name)
    if node is None:
        raise FileError(f"{path} is damaged: an edge leads to {name!r}, which is no node of it.")
    if node.kind != "NIRGraph":
        return [prefix + name]
    inner = [end for end, within in node.nodes.items() if within.kind == kind]
    if len(inner) != 1:
        raise ModelError(f"{path}: its graph {name!r} has {len(inner)} nodes {kind}; one is read.")
    return [f"{prefix}{name}.{inner[0]}"]
