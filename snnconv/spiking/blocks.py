"""Blocks: runs of nodes, in the order of execution, that are calibrated together.

A block ends where as little as possible is alive: behind one activation that all that follows depends on, as between
two residual blocks. Where a graph has no such place for long (dense connections, parallel branches) a block ends after
so many sites all the same, and its outputs are all that later nodes read.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx

from snnconv.graph.access import calls, module_of, operands
from snnconv.spiking.sites import is_site

__all__ = ["Block", "BlockError", "blocks_of"]

FEWEST_SITES, MOST_SITES = 2, 8  # of a block; the fewest where one activation is alive, else the most


@dataclass(frozen=True)
class Block:
    """A run of nodes.

    Attributes:
        nodes: Nodes in the order of execution.
        inputs: Nodes before the block whose outputs it reads.
        outputs: Nodes of the block whose outputs are read after it.
    """

    nodes: tuple[fx.Node, ...]
    inputs: tuple[fx.Node, ...]
    outputs: tuple[fx.Node, ...]


@dataclass(frozen=True)
class BlockError:
    """Squared error of a block's outputs as a share of their variance, on images that it was not moved by.

    Attributes:
        name: Name of the block's last node.
        before: Error with the ceilings and biases that it had.
        after: Error with the ceilings and biases of the reconstruction.
    """

    name: str
    before: float
    after: float


def blocks_of(graph: fx.GraphModule, *, fewest: int = FEWEST_SITES, most: int = MOST_SITES) -> tuple[Block, ...]:
    """Cut a graph into blocks that hold `fewest` to `most` sites each, as far as its shape allows.

    Two graphs of the same nodes are cut at the same places.
    """
    nodes = calls(graph)
    place = {node: index for index, node in enumerate(nodes)}
    last_read = {node: max((place.get(user, len(nodes)) for user in node.users), default=-1) for node in nodes}
    blocks: list[Block] = []
    current: list[fx.Node] = []
    sites = 0
    for index, node in enumerate(nodes):
        current.append(node)
        sites += is_site(module_of(graph, node))
        alive = sum(last_read[earlier] > index for earlier in nodes[: index + 1])
        if (sites >= fewest and alive == 1) or sites >= most:
            blocks.append(_block(current, last_read, index))
            current, sites = [], 0
    if current:
        blocks.append(_block(current, last_read, len(nodes) - 1))
    return tuple(blocks)


def _block(nodes: list[fx.Node], last_read: dict[fx.Node, int], end: int) -> Block:
    members = set(nodes)
    inputs = dict.fromkeys(operand for node in nodes for operand in operands(node) if operand not in members)
    return Block(tuple(nodes), tuple(inputs), tuple(node for node in nodes if last_read[node] > end))
