r"""The exact reset of `snnconv export --to nir --exact-reset`, read: a loop of primitives is one IF or LIF.

    u_t = d·u_{t-1} + g·(I_t + c·s_{t-1})       I (d = 1, g = r) or LI (d = 1 - dt/tau, g = r·dt/tau)
    s_t = 1 where u_t > a                       Threshold a  ->  Scale c  ->  Delay of one step  ->  u

With θ = -g·c/d and v = u + θ - a this is a neuron that fires above θ, from which a spike takes θ away, that starts at
v_0 = θ - a, and that leaks to v_0 more than the LI does (export/nir_neurons.py writes it).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from snnconv.formats.nir.flat import FlatGraph
from snnconv.formats.nir.hdf5 import Array, NirNode

__all__ = ["without_loops"]

TOLERANCE = 1e-3  # of a delay, as a share of a step


@dataclass(frozen=True)
class _Loop:
    """Names of the nodes of one exact reset."""

    potential: str
    fire: str
    taken: str
    later: str


def without_loops(graph: FlatGraph, dt: float | None) -> FlatGraph:
    """Return the graph with an IF or LIF, under the name of its Threshold, in the place of each loop.

    Args:
        graph: nodes as the file has them.
        dt: seconds of a step, which the delays of loops last; None: not known, so that nothing is a loop.
    """
    if dt is None:
        return graph
    nodes, edges = dict(graph.nodes), list(graph.edges)
    for loop in list(_loops(graph, dt)):
        neuron = _neuron(graph, loop, dt)
        if neuron is None:
            continue
        for name in (loop.potential, loop.taken, loop.later):
            del nodes[name]
        nodes[loop.fire] = neuron
        inside = {loop.potential, loop.fire, loop.taken, loop.later}
        edges = [edge for edge in edges if not set(edge) <= inside]
        edges = [(source, loop.fire if target == loop.potential else target) for source, target in edges]
    return replace(graph, nodes=nodes, edges=tuple(edges))


def _loops(graph: FlatGraph, dt: float) -> Iterator[_Loop]:
    for later, node in graph.nodes.items():
        if node.kind != "Delay" or not _lasts(node, dt):
            continue
        sources, targets = graph.sources(later), graph.targets(later)
        if len(sources) != 1 or len(targets) != 1:
            continue
        (taken,), (potential,) = sources, targets
        fires = graph.sources(taken)
        if len(fires) != 1 or graph.targets(taken) != (later,) or graph.targets(potential) != fires:
            continue
        kinds = [graph.nodes[name].kind for name in (potential, fires[0], taken)]
        if kinds[0] in ("I", "LI") and kinds[1:] == ["Threshold", "Scale"] and graph.sources(fires[0]) == (potential,):
            yield _Loop(potential, fires[0], taken, later)


def _lasts(node: NirNode, dt: float) -> bool:
    delay = node.values.get("delay")
    return isinstance(delay, np.ndarray) and delay.dtype.kind == "f" and np.allclose(delay, dt, rtol=TOLERANCE, atol=0)


def _neuron(graph: FlatGraph, loop: _Loop, dt: float) -> NirNode | None:
    """Return a loop's neuron; None where an array is missing, or nothing of a potential outlasts a step."""
    potential = graph.nodes[loop.potential]
    gain, fires_at = _array(potential, "r"), _array(graph.nodes[loop.fire], "threshold")
    scale = _array(graph.nodes[loop.taken], "scale")
    leaks = potential.kind == "LI"
    tau, leak_to = (_array(potential, name) if leaks else np.ones(()) for name in ("tau", "v_leak"))
    if gain is None or fires_at is None or scale is None or tau is None or leak_to is None:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        share = dt / tau if leaks else np.ones(())
        threshold = -share * gain * scale / (1 - share if leaks else 1)
    if not np.isfinite(threshold).all():
        return None
    start = threshold - fires_at
    values = {"r": potential.values["r"], "v_threshold": threshold}
    if leaks:
        values |= {"tau": potential.values["tau"], "v_leak": leak_to + start}
    return NirNode("LIF" if leaks else "IF", values, {"reset": "subtract", "v0": start})


def _array(node: NirNode, name: str) -> Array | None:
    values = node.values.get(name)
    return values.astype(np.float64) if isinstance(values, np.ndarray) and values.dtype.kind in "iuf" else None
