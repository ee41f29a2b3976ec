"""Sites: the places of activations, their properties, and swapping one module for another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from torch import fx, nn

from snnconv.graph.access import calls, free_target, module_of, operands
from snnconv.graph.modules import SignalSite, Transpose
from snnconv.graph.operator import NeuronPlace, find_operator
from snnconv.graph.products import MatMul
from snnconv.neurons import QuantizedSite, Site, SpikingSite
from snnconv.options import MOST_LEVELS

__all__ = [
    "MOST_LEVELS",
    "cap_of",
    "channel_axis",
    "in_words",
    "insert_after",
    "is_rectifier",
    "is_signed",
    "is_site",
    "is_transfer",
    "iter_sites",
    "swap",
    "total_levels_of",
]

CHANNELS_FIRST = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.GroupNorm,
)


def is_rectifier(module: nn.Module) -> bool:
    """Return whether a module is a ReLU, one that saturates, or the place of neurons behind another activation."""
    return _activation(module) is NeuronPlace.RECTIFIER


def is_transfer(module: nn.Module) -> bool:
    """Return whether a module is an activation whose output neurons behind it fire."""
    return _activation(module) is NeuronPlace.TRANSFER


def _activation(module: nn.Module) -> NeuronPlace:
    """Return how a module stands to neurons; neurons themselves, and what lets time in and out, have no record."""
    operator = find_operator(module)
    return NeuronPlace.NONE if operator is None else operator.activation_of(module)


def is_signed(module: nn.Module) -> bool:
    """Return whether a site fires values of both signs."""
    return isinstance(module, (SignalSite, Site)) and module.signed


def is_site(module: nn.Module) -> bool:
    """Return whether a module is an activation that converts, in any of its forms."""
    return is_rectifier(module) or isinstance(module, Site)


def cap_of(module: nn.Module) -> float:
    """Return the value at which a rectifier saturates; infinity for a ReLU."""
    if isinstance(module, SignalSite):
        return module.cap
    return float(module.max_val) if isinstance(module, nn.Hardtanh) else math.inf


def iter_sites(graph: fx.GraphModule) -> Iterator[tuple[fx.Node, nn.Module]]:
    """Yield every site with its node, in the order of execution."""
    for node in calls(graph):
        if is_site(module := module_of(graph, node)):
            yield node, module


def total_levels_of(module: nn.Module) -> int | None:
    """Return N of a site, L*T of neurons; None where it has no levels: a ReLU, or messages of powers of two."""
    if isinstance(module, SpikingSite) and module.octaves is not None:
        return None
    return module.total_levels if isinstance(module, (QuantizedSite, SpikingSite)) else None


def in_words(levels: Iterable[int]) -> str:
    """Return L or N of several sites in words.

    >>> in_words([8, 8]), in_words([16, 8, 32])
    ('8', '8..32 (mixed)')
    """
    numbers = sorted(set(levels))
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}..{numbers[-1]} (mixed)"


def channel_axis(graph: fx.GraphModule, node: fx.Node) -> int | None:
    """Return the axis of the channels in a node's output, `[B, ...]`; None where it cannot be told.

    Follows the first operand back to the operator that made the channels. Where that does not tell, the inputs of
    the `nn.Linear` layers that read the node are channels, and so are the heads of an attention's scores.
    """
    order: list[Transpose] = []
    origin = node
    while origin.op == "call_module":
        module = module_of(graph, origin)
        if isinstance(module, Transpose):
            order.append(module)
        elif isinstance(module, (nn.Linear, nn.LayerNorm, nn.RMSNorm)):
            axis = len(origin.meta["shape"])
            break
        elif isinstance(module, CHANNELS_FIRST):
            axis = 1
            break
        elif isinstance(module, (MatMul, nn.Softmax)) or len(origin.meta["shape"]) != len(
            operands(origin)[0].meta["shape"]
        ):  # scores of places, whose last axis is no channel's
            return _axis_by_readers(graph, node, origin)
        origin = operands(origin)[0]
    else:
        return None
    for transpose in reversed(order):
        axis = transpose.order.index(axis)
    return axis


def _axis_by_readers(graph: fx.GraphModule, node: fx.Node, origin: fx.Node) -> int | None:
    """Return the axis of what each weight of the layers that read a node belongs to, else that of attention's heads."""
    rank = len(node.meta["shape"])
    if node.users and all(
        user.op == "call_module" and isinstance(module_of(graph, user), nn.Linear) for user in node.users
    ):
        return rank
    return 1 if rank == 3 and isinstance(module_of(graph, origin), (MatMul, nn.Softmax)) else None


def swap(graph: fx.GraphModule, node: fx.Node, module: nn.Module) -> None:
    """Let a node call another module in the place of its own."""
    graph.add_submodule(str(node.target), module)


def insert_after(graph: fx.GraphModule, node: fx.Node, module: nn.Module, name: str) -> fx.Node:
    """Insert a call of `module` on a node's output, without rewiring its users."""
    target = free_target(graph, name)
    graph.add_submodule(target, module)
    with graph.graph.inserting_after(node):
        new = graph.graph.call_module(target, (node,))
    new.meta = {"shape": node.meta["shape"], "onnx_name": target}
    return new
