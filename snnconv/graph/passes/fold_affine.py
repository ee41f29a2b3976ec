"""Fold what follows a linear operator channel by channel into its weight and bias.

    BN(W x + b) = γ/σ·(W x + b - μ) + β = (γ/σ·W) x + (γ/σ·(b - μ) + β)        σ = sqrt(var + eps)
    (W x + b) + c = W x + (b + c)

Poolings between the two pass it on, P(a·x + b) = a·P(x) + b: a mean, which zeros that are counted would change with b,
and a maximum where a >= 0. Where the operator's output has another user, or is an output of the network, all stay.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import fx, nn

from snnconv.graph.access import calls, finish, module_of, operands
from snnconv.graph.linear import LINEAR, channels_at
from snnconv.graph.modules import AveragePool, MaxPool
from snnconv.graph.passes.affine import Affine, affine_of, per_channel, scale_output
from snnconv.graph.passes.contract import Pass, Property
from snnconv.graph.passes.merge_constants import CONSTANTS_MERGED
from snnconv.graph.passes.remove_identities import NO_IDENTITIES
from snnconv.graph.passes.split_calls import SEPARATE_CALLS

__all__ = ["AFFINE_FOLDED", "fold_affine"]


@dataclass(frozen=True)
class _Fold:
    """A linear operator's node with the map of its output, `[C_out]`."""

    source: fx.Node
    linear: nn.Module
    affine: Affine


def _match(graph: fx.GraphModule, node: fx.Node) -> _Fold | None:
    affine = affine_of(graph, node)
    source = None if affine is None else operands(node)[0]
    while source is not None and _passes(graph, source, affine):
        source = operands(source)[0]
    if affine is None or source is None or source.op != "call_module" or len(source.users) != 1:
        return None
    linear = module_of(graph, source)
    if not isinstance(linear, LINEAR):
        return None
    shape = source.meta["shape"]
    axis = channels_at(linear, len(shape))
    channels = per_channel(affine, axis, shape[axis])
    return None if channels is None else _Fold(source, linear, channels)


def _passes(graph: fx.GraphModule, node: fx.Node, affine: Affine | None) -> bool:
    """Return whether a node is a pooling that maps what its operand is mapped by, `[C]`, for one user."""
    module = module_of(graph, node) if node.op == "call_module" and len(node.users) == 1 else None
    if affine is None or any(math.prod(values.shape[1:]) != 1 for values in affine.tensors):
        return False
    if isinstance(module, AveragePool):
        return affine.shift is None or not (any(module.pads) and module.count_include_pad)
    return isinstance(module, MaxPool) and (affine.scale is None or bool((affine.scale >= 0).all()))


def _fold(graph: fx.GraphModule) -> bool:
    changed = False
    for node in calls(graph):
        if (match := _match(graph, node)) is not None:
            scale_output(match.linear, match.affine)
            node.replace_all_uses_with(operands(node)[0])
            graph.graph.erase_node(node)
            changed = True
    return finish(graph, changed)


AFFINE_FOLDED = Property(
    "no batch-norm or constant after a linear operator that could take it in",
    lambda graph: all(_match(graph, node) is None for node in calls(graph)),
)

fold_affine = Pass(
    "fold_affine",
    _fold,
    requires=frozenset({SEPARATE_CALLS}),
    ensures=frozenset({AFFINE_FOLDED}),
    keeps=frozenset({SEPARATE_CALLS, NO_IDENTITIES, CONSTANTS_MERGED}),
)
