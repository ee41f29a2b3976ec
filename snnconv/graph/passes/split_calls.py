"""Give every call a module of its own, under a name of its own.

A pass may then change a module for one call. The copies share their tensors with the first: passes replace tensors and
never write into them, so what nothing replaces stays shared.
"""

from __future__ import annotations

import copy

from torch import Tensor, fx, nn

from snnconv.graph.access import calls, finish, free_target, module_of
from snnconv.graph.passes.contract import Pass, Property

__all__ = ["SEPARATE_CALLS", "split_calls"]


def _is_separate(graph: fx.GraphModule) -> bool:
    targets = [str(node.target) for node in calls(graph)]
    modules = {id(module_of(graph, node)) for node in calls(graph)}
    return len(set(targets)) == len(modules) == len(targets)


def _split(graph: fx.GraphModule) -> bool:
    targets: set[str] = set()
    modules: set[int] = set()
    changed = False
    for node in calls(graph):
        target, module = str(node.target), module_of(graph, node)
        if target in targets or id(module) in modules:  # one module can also have two names
            target, module = free_target(graph, target), _copy(module)
            graph.add_submodule(target, module)
            node.target = target
            node.meta = {**node.meta, "onnx_name": target}
            changed = True
        targets.add(target)
        modules.add(id(module))
    return finish(graph, changed)


def _copy(module: nn.Module) -> nn.Module:
    tensors: list[Tensor] = [*module.parameters(), *module.buffers()]
    return copy.deepcopy(module, {id(tensor): tensor for tensor in tensors})


SEPARATE_CALLS = Property("a module of its own for every call", _is_separate)

split_calls = Pass("split_calls", _split, ensures=frozenset({SEPARATE_CALLS}))
