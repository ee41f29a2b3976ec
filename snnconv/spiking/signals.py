"""Give activations that are no rectifiers a site behind them.

LeakyReLU, PReLU, hard-swish, and clipping between two bounds put out values of both signs, or follow no threshold that
a neuron has. They stay in the graph as the *transfer* f of the neurons behind them: a layer of (signed) neurons
receives f of its current. Under mean coupling f is taken once, of the mean of the window; under causal coupling it is
taken of each step's current, and the mean of f is not f of the mean: one more source of unevenness.

An activation that no linear operator follows stays analog: what it puts out crosses no synapse.
"""

from __future__ import annotations

import math

from torch import fx, nn

from snnconv.graph.access import calls, display_name, finish, module_of
from snnconv.graph.modules import SignalSite
from snnconv.graph.operator import has_synapses
from snnconv.graph.passes import SIMPLIFY, Pass, Property, guaranteed
from snnconv.spiking.sites import insert_after, is_site, is_transfer

__all__ = ["SIGNALS_PLACED", "place_signals"]


def _place_signals(graph: fx.GraphModule) -> bool:
    synapses = _leads_to_synapse(graph)
    changed = False
    for node in calls(graph):
        module = module_of(graph, node)
        users = _unfired(graph, node)
        if not is_transfer(module) or node not in synapses or not users:
            continue
        low, high = (module.min_val, module.max_val) if isinstance(module, nn.Hardtanh) else (-math.inf, math.inf)
        site = SignalSite(signed=low < 0, cap=float(max(-low, high)))
        signal = insert_after(graph, node, site, f"{node.target}_signal")
        signal.meta["onnx_name"] = display_name(node)
        for user in users:
            user.replace_input_with(node, signal)
        changed = True
    return finish(graph, changed)


def _unfired(graph: fx.GraphModule, node: fx.Node) -> list[fx.Node]:
    """Users of a node that are no sites themselves, and so take its output as it is."""
    return [user for user in node.users if user.op != "call_module" or not is_site(module_of(graph, user))]


def _leads_to_synapse(graph: fx.GraphModule) -> set[fx.Node]:
    """Nodes whose output reaches a linear operator further on."""
    upstream: set[fx.Node] = set()
    for node in reversed(list(graph.graph.nodes)):
        for user in node.users:
            if user in upstream or (user.op == "call_module" and has_synapses(module_of(graph, user))):
                upstream.add(node)
    return upstream


SIGNALS_PLACED = Property(
    "neurons behind every activation that is no rectifier",
    lambda graph: (
        not any(
            is_transfer(module_of(graph, node)) and node in _leads_to_synapse(graph) and _unfired(graph, node)
            for node in calls(graph)
        )
    ),
)

place_signals = Pass("place_signals", _place_signals, ensures=frozenset({SIGNALS_PLACED}), keeps=guaranteed(SIMPLIFY))
