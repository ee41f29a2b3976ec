"""The contract of a pass: needs, results, and all that it leaves as it was; a runner that checks the order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import fx

__all__ = ["Pass", "Property", "guaranteed", "run_passes"]


@dataclass(frozen=True)
class Property:
    """Something a graph can be.

    Attributes:
        name: Words after "the graph has".
        holds: Test of a graph.
    """

    name: str
    holds: Callable[[fx.GraphModule], bool]


@dataclass(frozen=True)
class Pass:
    """A rewrite in place that keeps a graph's outputs.

    What a pass does not name is taken to be lost: a new pass cannot break by silence what a later one builds on.

    Attributes:
        name: Name of its function.
        run: Rewrite; answers whether it modified anything.
        requires: What the graph must be before.
        ensures: What the graph is afterwards.
        keeps: What the graph still is afterwards if it was before.
    """

    name: str
    run: Callable[[fx.GraphModule], bool]
    requires: frozenset[Property] = frozenset()
    ensures: frozenset[Property] = frozenset()
    keeps: frozenset[Property] = frozenset()

    def __call__(self, graph: fx.GraphModule) -> bool:
        """Run the pass alone; returns whether it modified anything."""
        for needed in self.requires:
            assert needed.holds(graph), f"{self.name} needs a graph with {needed.name}"
        return self.run(graph)


def guaranteed(passes: Sequence[Pass], given: frozenset[Property] = frozenset()) -> frozenset[Property]:
    """Return what every graph is after the passes.

    Args:
        passes: Passes in order.
        given: What the graph is before them.

    Raises:
        ValueError: a pass requires what none before it ensures, or what one after that has lost.
    """
    held = given
    for one in passes:
        if missing := one.requires - held:
            names = ", ".join(sorted(needed.name for needed in missing))
            raise ValueError(f"The pass {one.name} requires {names}: put a pass that ensures it before.")
        held = (held & one.keeps) | one.ensures
    return held


def run_passes(graph: fx.GraphModule, passes: Sequence[Pass]) -> bool:
    """Run passes one after the other, in place; returns whether any modified the graph.

    Raises:
        ValueError: they are in an order in which a requirement is not met; the graph is as it was.
    """
    guaranteed(passes)
    changed = False
    for one in passes:
        changed |= one(graph)
    return changed
