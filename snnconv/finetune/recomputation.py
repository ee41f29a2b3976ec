"""Gradient checkpointing by blocks: the tensors that a block saves for the backward pass are computed again there.

A graph is cut at places where few tensors are alive (spiking/blocks.py). Between the forward and the backward pass only
the tensors that pass from block to block are kept, and those that the last block saves; the backward pass adds those of
one block at a time. Weights, batch-norm statistics and losses come out as without it: see `Blockwise`.

Source: Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016; torch.utils.checkpoint does it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils.checkpoint import checkpoint

from snnconv.graph.access import output_of
from snnconv.spiking.blocks import Block, blocks_of

__all__ = ["Blockwise", "recomputing"]

_THREAD = threading.local()  # the backward pass of an accelerator has threads of its own


def recomputing() -> bool:
    """Return whether a block is being computed for the second time: observers have seen these values already."""
    return getattr(_THREAD, "again", False)


class Blockwise(nn.Module):
    """Graph whose blocks are computed again in the backward pass; its outputs and gradients are the graph's.

    The second computation takes the random numbers of the first, and leaves buffers, such as batch-norm's running
    statistics, as the first left them.

    Args:
        graph: Graph whose modules are used, not copied.
    """

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__()
        self.graph = graph
        self.inputs = [node for node in graph.graph.nodes if node.op == "placeholder"]
        self.parts = [(block, _part(graph, block)) for block in blocks_of(graph)]  # no modules of this one

    def forward(self, *inputs: Tensor) -> Any:
        """Return the graph's outputs."""
        values = dict(zip(self.inputs, inputs, strict=True))
        last = self.parts[-1][0]
        for block, part in self.parts:
            taken = [values[node] for node in block.inputs]
            if block is last or not torch.is_grad_enabled():  # the backward pass begins with the last
                out = part(*taken)
            else:
                out = checkpoint(part, *taken, use_reentrant=False, context_fn=partial(_contexts, part))
            values.update(zip(block.outputs, out, strict=True))
        return fx.node.map_arg(output_of(self.graph).args[0], values.__getitem__)


def _part(graph: fx.GraphModule, block: Block) -> fx.GraphModule:
    """Return a block by itself, of the graph's own modules: its inputs to a tuple of its outputs."""
    nodes = fx.Graph()
    copies = {node: nodes.placeholder(node.name) for node in block.inputs}
    for node in block.nodes:
        copies[node] = nodes.node_copy(node, copies.__getitem__)
    nodes.output(tuple(copies[node] for node in block.outputs))
    return fx.GraphModule(graph, nodes)


def _contexts(part: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Return the contexts of the first computation and of the second."""
    return nullcontext(), _again(part)


@contextmanager
def _again(part: nn.Module) -> Iterator[None]:
    """Put copies in the place of buffers meanwhile, which the second computation may change."""
    originals = [(module, dict(module._buffers)) for module in part.modules() if module._buffers]
    for module, buffers in originals:
        copies = {name: None if buffer is None else buffer.clone() for name, buffer in buffers.items()}
        module._buffers.update(copies)
    _THREAD.again = True
    try:
        yield
    finally:
        _THREAD.again = False
        for module, buffers in originals:
            module._buffers.update(buffers)
