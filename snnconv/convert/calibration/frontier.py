"""A graph walked node by node for all images at once, holding only what later nodes still need.

Memory is bounded by the widest cut through the graph for the images given; what would exceed the limit lies in a
temporary file that is mapped into memory.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import torch
from torch import Tensor, fx

from snnconv.graph.access import input_of, module_of, operands

__all__ = ["MEMORY_LIMIT", "Frontier"]

MEMORY_LIMIT = 2 << 30  # bytes of activations kept in memory


class Frontier:
    """The live activations of a walk. Use as a context manager: temporary files go with it.

    Args:
        graph: Graph of modules, each of whose nodes `run` runs once, in order.
        batches: Images in batches, `[B, ...]`.
        limit: Bytes of activations that may stay in memory.
    """

    def __init__(self, graph: fx.GraphModule, batches: Sequence[Tensor], *, limit: int = MEMORY_LIMIT) -> None:
        self.graph = graph
        self.limit = limit
        self.live: dict[fx.Node, list[Tensor | None]] = {}
        self.in_memory = 0
        self._waiting = {node: len(node.users) for node in graph.graph.nodes}
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._mapped: set[int] = set()
        self.live[input_of(graph)] = list(batches)

    def __enter__(self) -> Frontier:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.live.clear()
        if self._folder is not None:
            self._folder.cleanup()

    def values(self, node: fx.Node) -> Iterator[Tensor]:
        """Yield a live node's activations, batch by batch."""
        for batch in self.live[node]:
            assert batch is not None
            yield batch

    def run(self, *nodes: fx.Node) -> None:
        """Compute nodes, the next ones in order, batch by batch; what nothing after them needs is given up at once."""
        inner = set(nodes)
        taken = dict.fromkeys(operand for node in nodes for operand in operands(node))
        for node in nodes:
            for operand in set(operands(node)):
                self._waiting[operand] -= 1
        inputs = [operand for operand in taken if operand not in inner]
        results: dict[fx.Node, list[Tensor | None]] = {node: [] for node in nodes if self._waiting[node]}
        last = {operand: node for node in nodes for operand in operands(node)}
        for index in range(len(self.live[inputs[0]])):
            values = {operand: self.live[operand][index] for operand in inputs}
            for node in nodes:
                values[node] = module_of(self.graph, node)(*(values[operand] for operand in operands(node)))
                for operand in set(operands(node)):
                    if last[operand] is node and not self._waiting[operand]:
                        del values[operand]
            for node, outputs in results.items():
                value = values[node]
                assert value is not None
                outputs.append(self._keep(value))
            for operand in inputs:
                if not self._waiting[operand]:
                    self._give_up(operand, index)
        for operand in inputs:
            if not self._waiting[operand]:
                del self.live[operand]
        self.live.update(results)

    def _keep(self, value: Tensor) -> Tensor:
        """Return the value, in memory within the limit, else in a mapped file; every element has its own place."""
        size = value.numel() * value.element_size()
        expanded = any(length > 1 and not stride for length, stride in zip(value.shape, value.stride(), strict=True))
        if self.in_memory + size <= self.limit:
            self.in_memory += size
            return value.contiguous() if expanded else value  # a shift in place needs every element by itself
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="snnconv-")
        path = Path(self._folder.name) / "activation"
        mapped = torch.from_file(str(path), shared=True, size=math.prod(value.shape), dtype=value.dtype)
        path.unlink()  # the mapping keeps the space until it is given up
        self._mapped.add(mapped.data_ptr())
        return mapped.view(value.shape).copy_(value)

    def _give_up(self, node: fx.Node, index: int) -> None:
        value = self.live[node][index]
        assert value is not None
        if value.data_ptr() in self._mapped:
            self._mapped.discard(value.data_ptr())
        elif node.op != "placeholder":
            self.in_memory -= value.numel() * value.element_size()
        self.live[node][index] = None
