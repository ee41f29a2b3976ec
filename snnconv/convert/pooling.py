"""Move max-pooling before the activation it follows.

A site f is monotone, so max(f(z)) = f(max(z)): pooling the currents and then firing gives the same activations as
pooling the activations, and the neurons' input stays a current. Zero padding of the pooled axes between the two may
stay where it is, for f(0) = 0; padded channels would have no ceilings.

Requires: nothing. Ensures: same outputs; where a site feeds others beside the pooling, they keep a site of their own.
"""

from __future__ import annotations

import copy

from torch import fx

from snnconv.convert.sites import is_site
from snnconv.graph.access import calls, module_of, operands
from snnconv.graph.modules import MaxPool, Pad

__all__ = ["pool_before_sites"]


def pool_before_sites(graph: fx.GraphModule) -> bool:
    """Move every max-pooling that follows a site, in place; returns whether any moved."""
    changed = False
    for node in calls(graph):
        if isinstance(module_of(graph, node), MaxPool):
            changed |= _move(graph, node)
    if changed:
        graph.graph.eliminate_dead_code()
        graph.delete_all_unused_submodules()
        graph.recompile()
    return changed


def _move(graph: fx.GraphModule, pool: fx.Node) -> bool:
    """Rewrite `pool(pad(site(z)))` as `site(pool(pad(z)))`."""
    pooling = module_of(graph, pool)
    assert isinstance(pooling, MaxPool)
    between: list[fx.Node] = []
    site = operands(pool)[0]
    while site.op == "call_module" and _pads_zeros(graph, site, len(pooling.kernel)):
        between.insert(0, site)
        site = operands(site)[0]
    if site.op != "call_module" or not is_site(module_of(graph, site)):
        return False
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
    """Whether a node pads the last `rank` axes with zeros, for one user."""
    module = module_of(graph, node)
    if not isinstance(module, Pad) or module.mode != "constant" or module.value != 0 or len(node.users) != 1:
        return False
    axes = len(module.pads) // 2
    return not any(module.pads[: max(axes - rank, 0)]) and not any(module.pads[axes : max(2 * axes - rank, axes)])
