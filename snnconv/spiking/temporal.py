"""Which tensors of a network change from time step to time step, and where that matters.

A tensor is temporal where it depends on a site's output, or on an input that changes over time. An affine operator
passes time through: the time mean of its output is its output for the time mean. Any other operator that is not a site
(a maximum, a sigmoid, the product of two temporal tensors) is computed once, on the time means of its inputs; under
mean coupling that is exact, because a site sees only the mean of its window anyway. What depends on an input's frames
and on no site yet is computed frame by frame, whatever the operator is: no neuron waits for that. Under differential
coupling a tensor holds at each step the value so far, so that every operator is computed of it as it is, at every step,
and nothing waits. How an operator behaves in time is stated in its record (`snnconv.operators`); a module of no record
raises.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx, nn

from snnconv.graph.access import calls, module_of, operands
from snnconv.graph.operator import Time, find_operator, time_of
from snnconv.neurons import Coupling, Fold, Steps, TimeMean
from snnconv.spiking.sites import is_site

__all__ = ["Timing", "analyse", "bends", "leads_to_site"]


@dataclass(frozen=True)
class Timing:
    """The part that time plays in a graph.

    Attributes:
        temporal: Nodes whose output changes from step to step.
        on_means: Nodes that are not affine in their temporal operands, and so take those operands' time means.
    """

    temporal: frozenset[fx.Node]
    on_means: frozenset[fx.Node]


def analyse(graph: fx.GraphModule, coupling: Coupling = Coupling.MEAN, *, frames: bool = False) -> Timing:
    """Follow time through a graph whose sites are in place.

    Args:
        graph: Graph of any stage.
        coupling: Coupling of the neurons that the sites are or will be.
        frames: True where the input changes over time; needed only where the graph does not fold it.

    Raises:
        ModelError: An operator that takes what changes has no record.
    """
    analog = {node for node in graph.graph.nodes if frames and node.op == "placeholder"}  # frames, before any site
    temporal: set[fx.Node] = set(analog)
    on_means: set[fx.Node] = set()
    for node in calls(graph):
        module = module_of(graph, node)
        changing = [arg for arg in operands(node) if arg in temporal]
        if isinstance(module, TimeMean):
            continue
        if is_site(module):
            temporal.add(node)
        elif isinstance(module, Fold) or (changing and analog.issuperset(changing)):
            temporal.add(node)
            analog.add(node)
        elif changing and (coupling is Coupling.DIFFERENTIAL or (coupling is Coupling.CAUSAL and _feeds(graph, node))):
            temporal.add(node)
        elif changing:
            (temporal if _is_affine(module, node, temporal) else on_means).add(node)
    return Timing(frozenset(temporal), frozenset(on_means))


def _is_affine(module: nn.Module, node: fx.Node, temporal: set[fx.Node]) -> bool:
    """Whether a module is affine in its temporal operands taken together; the read-out takes the whole window."""
    if isinstance(module, Steps):
        return False
    return time_of(module, [arg in temporal for arg in operands(node)]) is Time.AFFINE


def _feeds(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Whether a node bends the currents of the neurons that follow it: a max-pooling, or an activation.

    Neurons that must not wait get the maximum of each step's currents, or the activation of each. Its mean over time is
    not that of the mean, which is one more source of unevenness.
    """
    users = list(node.users)
    if not users or not bends(module_of(graph, node)):
        return False
    return all(user.op == "call_module" and (is_site(module_of(graph, user)) or _feeds(graph, user)) for user in users)


def bends(module: nn.Module) -> bool:
    """Return whether a module between currents and the neurons that receive them is not affine."""
    operator = find_operator(module)
    return operator is not None and operator.of_steps and not is_site(module)


def leads_to_site(graph: fx.GraphModule) -> frozenset[fx.Node]:
    """Return the nodes whose output reaches a site further on."""
    upstream: set[fx.Node] = set()
    for node in reversed(list(graph.graph.nodes)):
        for user in node.users:
            if user in upstream or (user.op == "call_module" and is_site(module_of(graph, user))):
                upstream.add(node)
    return frozenset(upstream)
