"""The form of every pass that puts a module in the place of the formula that a file writes for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile

from torch import fx, nn

from snnconv.graph.access import calls, display_name, finish, free_target, module_of
from snnconv.graph.naming import identifier
from snnconv.graph.operator import output_shape
from snnconv.graph.passes.contract import Pass, Property
from snnconv.graph.passes.remove_identities import NO_IDENTITIES
from snnconv.graph.passes.split_calls import SEPARATE_CALLS
from snnconv.graph.patterns import Match, Pattern, find

__all__ = ["Rule", "recognition"]

Chain = Sequence[nn.Module]  # applied one after the other


@dataclass(frozen=True)
class Rule:
    """A formula and the modules that compute it.

    Attributes:
        pattern: Pattern of the formula, whose one operand is named `x`.
        build: Modules applied to x one after the other, of a match and the shape of a sample of x; None where there are
            none.
    """

    pattern: Pattern
    build: Callable[[Match, tuple[int, ...]], Chain | None]


def recognition(name: str, thing: str, rules: Sequence[Rule]) -> Pass:
    """Return the pass that puts modules in the place of formulas, the first rule that fits before later ones.

    Args:
        name: Name of the pass.
        thing: Noun of what it recognises, as in "no formula of a normalization".
        rules: Formulas that it recognises.
    """
    recognised = Property(
        f"no formula of {thing} that one module computes",
        lambda graph: all(_match(graph, node, rules) is None for node in calls(graph)),
    )
    return Pass(
        name,
        lambda graph: _recognise(graph, rules),
        ensures=frozenset({recognised}),
        keeps=frozenset({SEPARATE_CALLS, NO_IDENTITIES}),
    )


def _match(graph: fx.GraphModule, node: fx.Node, rules: Sequence[Rule]) -> tuple[Match, Chain] | None:
    for rule in rules:
        match = find(graph, node, rule.pattern)
        if match is None or len(match.taken) == 1:
            continue
        modules = rule.build(match, match.nodes["x"].meta["shape"])
        if modules is not None:
            return match, modules
    return None


def _recognise(graph: fx.GraphModule, rules: Sequence[Rule]) -> bool:
    changed = False
    while _recognise_once(graph, rules):  # one formula can be a part of another
        changed = True
    return finish(graph, changed)


def _recognise_once(graph: fx.GraphModule, rules: Sequence[Rule]) -> bool:
    gone = set[fx.Node]()
    for node in reversed(calls(graph)):  # the longest formula that ends with a node comes before its parts
        if node not in gone and (result := _match(graph, node, rules)) is not None:
            match, modules = result
            gone |= match.taken
            _replace(graph, node, match, modules)
    return bool(gone)


def _replace(graph: fx.GraphModule, last: fx.Node, match: Match, modules: Chain) -> None:
    """Call modules in the place of the nodes that a match takes in, the last of which is given."""
    name, result = _name(graph, last, match.taken), match.nodes["x"]
    kinds = [parameter.dtype for node in match.taken for parameter in module_of(graph, node).parameters()]
    called = {node.target for node in calls(graph) if node not in match.taken}
    for target in {str(node.target) for node in match.taken} - called:
        graph.delete_submodule(target)
    with graph.graph.inserting_before(last):
        for module in modules:
            shape = output_shape(module, [(1, *result.meta["shape"])])
            target = free_target(graph, identifier(name))
            graph.add_submodule(target, module.to(kinds[0] if kinds else None).train(graph.training))
            result = graph.graph.call_module(target, (result,))
            result.meta = {"onnx_name": name, "shape": tuple(shape[1:])}
    assert result.meta["shape"] == last.meta["shape"]
    last.replace_all_uses_with(result)
    for node in reversed([node for node in graph.graph.nodes if node in match.taken]):
        graph.graph.erase_node(node)


def _name(graph: fx.GraphModule, last: fx.Node, taken: Collection[fx.Node]) -> str:
    """The scope that holds the nodes and nothing else, as `/blocks.0/norm1`; the name of the last without one."""
    scope = _path(display_name(last))
    for node in taken:
        pairs = zip(scope, _path(display_name(node)), strict=False)
        scope = tuple(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    others = (_path(display_name(node)) for node in calls(graph) if node not in taken)
    if "".join(scope).strip("/.") and all(path[: len(scope)] != scope for path in others):
        return "".join(scope).rstrip("/.")
    return display_name(last)


@lru_cache(maxsize=65536)
def _path(name: str) -> tuple[str, ...]:
    """The parts of a name, each with the separator before it."""
    return tuple(re.findall(r"[/.]?[^/.]+", name))
