"""A spiking network as it is at one time step: its graph without the axis of time, or what stands in the way.

    [T*B, ...] with the steps side by side  ->  [B, ...] of the step that is

Causal and differential coupling have such a form: a neuron that sees the mean of its window waits for the last step of
it. Under differential coupling a step gives the answer so far.
"""

from __future__ import annotations

import copy

from torch import fx

from snnconv.errors import ModelError, UnsupportedNode, UnsupportedOperatorsError
from snnconv.graph.access import calls, display_name, finish, module_of, operands, output_of, results
from snnconv.model import SNN, Model
from snnconv.neurons import Fold, Repeat, Steps, TimeMean

__all__ = ["one_step", "waiting"]


def one_step(model: Model, purpose: str) -> fx.GraphModule:
    """Return a copy of a spiking network's graph, `[B, ...]` at a step to its outputs `[B, ...]` at that step.

    What comes before the first neurons is in it and computed at each step, also where the input is still.

    Args:
        model: SNN of causal or differential coupling.
        purpose: Name of a network without a window in the errors, such as "A single step".

    Raises:
        ModelError: The network does not spike, or its neurons see their whole window.
        UnsupportedOperatorsError: Operators are computed on the mean of the window; all of them are listed.
    """
    if not isinstance(model, SNN):
        raise ModelError(
            f"{purpose} is of a spiking network; this one is at the stage {model.stage.value}: convert it first."
        )
    if not model.coupling.streams:
        raise ModelError(
            f"{purpose} needs neurons that fire step by step. The neurons of this network ({model.coupling} coupling) "
            "see their whole window of T steps before they fire: convert the network with --coupling differential or "
            "causal."
        )
    if refused := waiting(model.graph):
        raise UnsupportedOperatorsError(
            f"{purpose} cannot hold what is computed on the mean of the window: leave it to the host, or convert a "
            "network without it",
            refused,
        )
    graph = copy.deepcopy(model.graph)
    outputs = results(graph)
    ends = outputs[len(outputs) // 2 :]
    sources = tuple(operands(node)[0] for node in ends)
    output_of(graph).args = (sources[0] if len(sources) == 1 else sources,)
    for node in reversed(calls(graph)):
        if isinstance(module_of(graph, node), (Steps, TimeMean)) and not node.users:
            graph.graph.erase_node(node)
    for node in calls(graph):
        if isinstance(module_of(graph, node), (Fold, Repeat)):
            node.replace_all_uses_with(operands(node)[0])
            graph.graph.erase_node(node)
    finish(graph, True)
    return graph


def waiting(graph: fx.GraphModule) -> list[UnsupportedNode]:
    """Return operators of a spiking network that take the mean of a window, other than its outputs."""
    reason = "it takes the time mean of what is before it, which is known when the window is over"
    return [
        UnsupportedNode(display_name(node), type(module_of(graph, node)).__name__, reason)
        for node in calls(graph)
        if any(_is_mean(graph, operand) for operand in operands(node))
    ]


def _is_mean(graph: fx.GraphModule, node: fx.Node) -> bool:
    return node.op == "call_module" and isinstance(module_of(graph, node), TimeMean)
