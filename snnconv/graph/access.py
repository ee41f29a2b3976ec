"""Graphs of `placeholder`, `call_module` and `output` nodes only: reading one, and what every change of one needs."""

from __future__ import annotations

import math
from collections import Counter

from torch import fx, nn

__all__ = [
    "calls",
    "display_name",
    "finish",
    "free_target",
    "input_of",
    "largest_activation",
    "module_of",
    "operands",
    "output_of",
    "results",
    "samples_kept_within",
    "samples_within",
    "shared_parameters",
]


def calls(graph: fx.GraphModule) -> list[fx.Node]:
    """Return the nodes that call modules, in the order of execution."""
    return [node for node in graph.graph.nodes if node.op == "call_module"]


def module_of(graph: fx.GraphModule, node: fx.Node) -> nn.Module:
    """Return the module that a `call_module` node calls."""
    return graph.get_submodule(str(node.target))


def display_name(node: fx.Node) -> str:
    """Return the name that a reader knows a node by: the ONNX file's, or the graph's where there was no file."""
    return str(node.meta.get("onnx_name", node.target))


def operands(node: fx.Node) -> tuple[fx.Node, ...]:
    """Return the nodes whose outputs a `call_module` node takes."""
    return tuple(arg for arg in node.args if isinstance(arg, fx.Node))


def input_of(graph: fx.GraphModule) -> fx.Node:
    """Return the node of the network's input."""
    node: fx.Node = next(node for node in graph.graph.nodes if node.op == "placeholder")
    return node


def output_of(graph: fx.GraphModule) -> fx.Node:
    """Return the `output` node."""
    node: fx.Node = next(node for node in graph.graph.nodes if node.op == "output")
    return node


def results(graph: fx.GraphModule) -> tuple[fx.Node, ...]:
    """Return the nodes whose outputs the graph returns."""
    returned = output_of(graph).args[0]
    nodes = returned if isinstance(returned, tuple) else (returned,)
    return tuple(node for node in nodes if isinstance(node, fx.Node))


def free_target(graph: fx.GraphModule, name: str) -> str:
    """Return a name for a new module: this one, with a number behind it where it is taken."""
    target, count = name, 1
    while _has(graph, target):
        target, count = f"{name}_{count}", count + 1
    return target


def _has(graph: fx.GraphModule, target: str) -> bool:
    *path, last = target.split(".")
    try:
        return hasattr(graph.get_submodule(".".join(path)), last)
    except AttributeError:
        return False


def finish(graph: fx.GraphModule, changed: bool) -> bool:
    """Drop modules that nothing calls and renew the code, after a rewrite that changed anything; returns `changed`."""
    if changed:
        graph.delete_all_unused_submodules()
        graph.recompile()
    return changed


def samples_within(graph: fx.GraphModule, elements: int, steps: int = 1) -> int:
    """Return how many samples may run together, at least 1.

    Args:
        graph: Graph whose nodes know the shape of what they give for one sample.
        elements: Most elements of the largest activation of all samples and steps together.
        steps: Time steps that an activation holds side by side.
    """
    return max(1, elements // (largest_activation(graph) * steps))


def samples_kept_within(graph: fx.GraphModule, elements: int, steps: int = 1) -> int:
    """Return how many samples may run together where most activations are kept, at least 1.

    Args:
        graph: Graph whose nodes know the shape of what they give for one sample.
        elements: Most elements of all activations of all samples and steps together.
        steps: Time steps that an activation holds side by side.
    """
    total: int = sum(math.prod(node.meta["shape"]) for node in graph.graph.nodes if "shape" in node.meta)
    return max(1, elements // max(1, total * steps))


def largest_activation(graph: fx.GraphModule) -> int:
    """Return the elements of the largest activation of one sample and step."""
    shapes = [node.meta["shape"] for node in graph.graph.nodes if "shape" in node.meta]
    return max((math.prod(shape) for shape in shapes), default=1)


def shared_parameters(graph: fx.GraphModule) -> set[int]:
    """Return identities of parameters that several calls read: moved for one, they would move for all."""
    uses = Counter(id(p) for node in calls(graph) for p in module_of(graph, node).parameters(recurse=False))
    return {parameter for parameter, count in uses.items() if count > 1}
