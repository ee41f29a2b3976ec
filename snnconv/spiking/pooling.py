"""Move max-pooling before the activation it follows.

A site f is monotone, so max(f(z)) = f(max(z)): pooling the currents and then firing gives the same activations as
pooling the activations, and the neurons' input stays a current. Zero padding of the pooled axes between the two may
stay where it is, for f(0) = 0; padded channels would have no ceilings.

Where a site feeds others beside the pooling, they keep a site of their own.
"""

from __future__ import annotations

import copy

from torch import fx

from snnconv.graph.access import calls, finish, module_of, operands
from snnconv.graph.modules import MaxPool, Pad
from snnconv.graph.passes import SIMPLIFY, Pass, Property, guaranteed
from snnconv.spiking.signals import place_reads, place_signals
from snnconv.spiking.sites import is_site

__all__ = ["POOLS_BEFORE_SITES", "pool_before_sites"]


def _pool_before_sites(graph: fx.GraphModule) -> bool:
    changed = False
    for node in calls(graph):
        changed |= _move(graph, node)
    if changed:
        graph.graph.eliminate_dead_code()
    return finish(graph, changed)


def _match(graph: fx.GraphModule, pool: fx.Node) -> tuple[fx.Node, list[fx.Node]] | None:
    """Return the site that a max-pooling follows, and the padding between them; None where it follows none."""
    pooling = module_of(graph, pool)
    if not isinstance(pooling, MaxPool):
        return None
    between: list[fx.Node] = []
    site = operands(pool)[0]
    while site.op == "call_module" and _pads_zeros(graph, site, len(pooling.kernel)):
        between.insert(0, site)
        site = operands(site)[0]
    if site.op != "call_module" or not is_site(module_of(graph, site)):
        return None
    return site, between


def _move(graph: fx.GraphModule, pool: fx.Node) -> bool:
    """Rewrite `pool(pad(site(z)))` as `site(pool(pad(z)))`."""
    if (match := _match(graph, pool)) is None:
        return False
    site, between = match
    target = str(site.target)
    if len(site.users) > 1:  # the other users keep the site; the pooled currents get one of their own
        target = f"{site.target}_of_{pool.target}"
        graph.add_submodule(target, copy.deepcopy(module_of(graph, site)))
    with graph.graph.inserting_before(pool):
        value = operands(site)[0]
        for step in (*between, pool):
            value = graph.graph.call_module(str(step.target), (value,))
            value.meta = dict(step.meta)
        fired = graph.graph.call_module(target, (value,))
    fired.meta = {**site.meta, "shape": pool.meta["shape"]}
    pool.replace_all_uses_with(fired)
    return True


def _pads_zeros(graph: fx.GraphModule, node: fx.Node, rank: int) -> bool:
    """Return whether a node pads the last `rank` axes with zeros, for one user."""
    module = module_of(graph, node)
    if not isinstance(module, Pad) or module.mode != "constant" or module.value != 0 or len(node.users) != 1:
        return False
    axes = len(module.pads) // 2
    return not any(module.pads[: max(axes - rank, 0)]) and not any(module.pads[axes : max(2 * axes - rank, axes)])


POOLS_BEFORE_SITES = Property(
    "no max-pooling after an activation that it could come before",
    lambda graph: all(_match(graph, node) is None for node in calls(graph)),
)

pool_before_sites = Pass(
    "pool_before_sites",
    _pool_before_sites,
    ensures=frozenset({POOLS_BEFORE_SITES}),
    keeps=guaranteed((*SIMPLIFY, place_signals, place_reads)),
)
