"""Fold what follows a linear operator channel by channel into its weight and bias.

    BN(W x + b) = γ/σ·(W x + b - μ) + β = (γ/σ·W) x + (γ/σ·(b - μ) + β)        σ = sqrt(var + eps)
    (W x + b) + c = W x + (b + c)

Where the operator's output has another user, or is an output of the network, both stay.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx, nn

from snnconv.graph.access import calls, finish, module_of
from snnconv.graph.linear import LINEAR, channels_at
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
    source = node.args[0] if node.args else None
    if not isinstance(source, fx.Node) or source.op != "call_module" or len(source.users) != 1:
        return None
    linear = module_of(graph, source)
    if not isinstance(linear, LINEAR) or (affine := affine_of(graph, node)) is None:
        return None
    shape = source.meta["shape"]
    axis = channels_at(linear, len(shape))
    channels = per_channel(affine, axis, shape[axis])
    return None if channels is None else _Fold(source, linear, channels)


def _fold(graph: fx.GraphModule) -> bool:
    changed = False
    for node in calls(graph):
        if (match := _match(graph, node)) is not None:
            scale_output(match.linear, match.affine)
            node.replace_all_uses_with(match.source)
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
