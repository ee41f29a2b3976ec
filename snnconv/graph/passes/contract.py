"""What a pass needs of a graph, what it gives, and what it leaves as it was; a runner that checks the order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import fx

__all__ = ["Pass", "Property", "guaranteed", "run_passes"]


@dataclass(frozen=True)
class Property:
    """Something a graph can be.

    Attributes:
        name: in words, after "the graph has".
        holds: whether a graph is so.
    """

    name: str
    holds: Callable[[fx.GraphModule], bool]


@dataclass(frozen=True)
class Pass:
    """A rewrite in place that keeps a graph's outputs.

    What a pass does not name is taken to be lost: a new pass cannot break by silence what a later one builds on.

    Attributes:
        name: of its function.
        run: the rewrite; answers whether it modified anything.
        requires: what the graph must be before.
        ensures: what the graph is afterwards.
        keeps: what the graph still is afterwards if it was before.
    """

    name: str
    run: Callable[[fx.GraphModule], bool]
    requires: frozenset[Property] = frozenset()
    ensures: frozenset[Property] = frozenset()
    keeps: frozenset[Property] = frozenset()

    def __call__(self, graph: fx.GraphModule) -> bool:
        """Run it alone; returns whether it modified anything."""
        for needed in self.requires:
            assert needed.holds(graph), f"{self.name} needs a graph with {needed.name}"
        return self.run(graph)


def guaranteed(passes: Sequence[Pass], given: frozenset[Property] = frozenset()) -> frozenset[Property]:
    """What every graph is after the passes.

    Args:
        passes: in order.
        given: what the graph is before them.

    Raises:
        ValueError: a pass requires what none before it ensures, or what one after that has lost.
    """
    held = given
    for each in passes:
        if missing := each.requires - held:
            names = ", ".join(sorted(needed.name for needed in missing))
            raise ValueError(f"The pass {each.name} requires {names}: put a pass that ensures it before.")
        held = (held & each.keeps) | each.ensures
    return held


def run_passes(graph: fx.GraphModule, passes: Sequence[Pass]) -> bool:
    """Run passes one after the other, in place; returns whether any modified the graph.

    Raises:
        ValueError: they are in an order in which a requirement is not met; the graph is as it was.
    """
    guaranteed(passes)
    changed = False
    for each in passes:
        changed |= each(graph)
    return changed
