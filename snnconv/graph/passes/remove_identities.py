"""Remove what passes its input through at inference: identities, dropout, reshapes to the same shape, empty padding."""

from __future__ import annotations

from torch import fx

from snnconv.graph.access import calls, finish, operands
from snnconv.graph.identities import is_identity
from snnconv.graph.passes.contract import Pass, Property
from snnconv.graph.passes.split_calls import SEPARATE_CALLS

__all__ = ["NO_IDENTITIES", "remove_identities"]


def _remove(graph: fx.GraphModule) -> bool:
    changed = False
    for node in calls(graph):
        if is_identity(graph, node):
            node.replace_all_uses_with(operands(node)[0])
            graph.graph.erase_node(node)
            changed = True
    return finish(graph, changed)


NO_IDENTITIES = Property(
    "no module that passes its input through",
    lambda graph: not any(is_identity(graph, node) for node in calls(graph)),
)

remove_identities = Pass(
    "remove_identities", _remove, ensures=frozenset({NO_IDENTITIES}), keeps=frozenset({SEPARATE_CALLS})
)
