"""Name the two products of attention, `softmax(q kᵀ) v`, by their roles in `meta["role"]`.

Between them may stand what keeps scores scores: a scale before or after the first product, masks and biases, reshapes
between windows and heads. The scale stays where the file has it.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import fx, nn

from snnconv.graph.access import calls, module_of, operands
from snnconv.graph.operator import has_synapses
from snnconv.graph.passes.contract import Pass, Property
from snnconv.graph.passes.merge_constants import CONSTANTS_MERGED
from snnconv.graph.passes.remove_identities import NO_IDENTITIES
from snnconv.graph.passes.split_calls import SEPARATE_CALLS
from snnconv.graph.products import MatMul

__all__ = ["name_attention", "role_of"]

SCORES, WEIGHTED = "attention scores", "attention"


def role_of(node: fx.Node) -> str | None:
    """Return the role of a node in the network, as "attention scores"; None where it has none."""
    role: str | None = node.meta.get("role")
    return role


def _roles(graph: fx.GraphModule) -> dict[fx.Node, str]:
    """The products of attention and their roles."""
    roles: dict[fx.Node, str] = {}
    for node in calls(graph):
        if not isinstance(module_of(graph, node), MatMul):
            continue
        for probabilities in _nearest(graph, node, nn.Softmax):
            for scores in _nearest(graph, probabilities, MatMul):
                roles |= {scores: SCORES, node: WEIGHTED}
    return roles


def _nearest(graph: fx.GraphModule, node: fx.Node, kind: type[nn.Module]) -> Iterator[fx.Node]:
    """The nearest nodes of a kind before this one, behind the linear operators, products and softmaxes before it."""
    waiting, seen = list(operands(node)), set[fx.Node]()
    while waiting:
        source = waiting.pop()
        if source.op != "call_module" or source in seen:
            continue
        seen.add(source)
        module = module_of(graph, source)
        if isinstance(module, kind):
            yield source
        elif not isinstance(module, (MatMul, nn.Softmax)) and not has_synapses(module):
            waiting += operands(source)


def _name(graph: fx.GraphModule) -> bool:
    changed = False
    for node, role in _roles(graph).items():
        changed |= role_of(node) != role
        node.meta["role"] = role
    return changed


ATTENTION_NAMED = Property(
    "no product of attention without its role",
    lambda graph: all(role_of(node) == role for node, role in _roles(graph).items()),
)

name_attention = Pass(
    "name_attention",
    _name,
    ensures=frozenset({ATTENTION_NAMED}),
    keeps=frozenset({SEPARATE_CALLS, NO_IDENTITIES, CONSTANTS_MERGED}),
)
