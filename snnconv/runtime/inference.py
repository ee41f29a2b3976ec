"""A network as it runs fastest without gradients: the same arithmetic, with fewer passes over memory.

* Batch-norm goes into the convolutions.
* A current that is the same at every step is given to a neuron once, not T times.
* A site, and a sum, writes over its input where nothing else reads that.
* Images lie channels last where there are convolutions.
* In float32, on a CPU with integer arithmetic, spikes are integers (integers.py).

    batch [B, C, H, W] -> layers before the first site once -> sites [T*B, ...], in place -> read-out

The graph that is made holds modules of its own where they save a pass (substitutes.py, firing.py, levels.py).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import fx, nn

from snnconv.errors import InvalidValueError
from snnconv.graph.access import calls, finish, module_of, operands, samples_within
from snnconv.graph.linear import CONVOLUTIONS, LINEAR, NORMS
from snnconv.graph.modules import Arithmetic
from snnconv.graph.passes import fold_affine, run_passes, split_calls
from snnconv.model import Model
from snnconv.neurons import Repeat, SpikingSite
from snnconv.neurons.site import Site
from snnconv.runtime.firing import FiringSite
from snnconv.runtime.integers import fits, least_sum, use_levels
from snnconv.runtime.levels import Currents, WeightedLevels
from snnconv.runtime.substitutes import InPlaceSite, InPlaceSum, TimeInvariantSite

__all__ = ["batch_that_fits", "fires_levels", "for_inference"]

LARGEST_TENSOR = 2**23  # floats of one activation, its time steps and its batch together, in a processor's cache
LARGEST_ON_DEVICE = 2**28  # and in a GPU's memory
LARGEST_BATCH = 256

# Modules whose output is memory that nothing else holds.
MAKES_NEW = (*LINEAR, *NORMS, Arithmetic, InPlaceSum, Currents, WeightedLevels)


def for_inference(model: Model, *, integers: bool | None = None) -> Model:
    """Return a copy that gives the same outputs as `model` does in evaluation mode, without gradients.

    Args:
        model: Network of any stage.
        integers: True to let spikes be integers, as far as the network allows; None: True where the processor and the
            network's float32 allow it. Outputs are then as far from the exact ones as those in float32 are, but not
            the same.

    Raises:
        InvalidValueError: Integers are asked for where the processor, or the network's dtype, does not allow them.
    """
    fast = model.copy()
    graph = fast.graph.eval()
    run_passes(graph, (split_calls, fold_affine))
    _give_once(graph)
    if integers and not fits(graph):
        raise InvalidValueError("Integers need a network in float32, and a CPU with VNNI: leave `integers` out.")
    if integers is not False and fits(graph):
        use_levels(graph, least_sum(model.timesteps, model.coupling))
    for node in calls(graph):
        substitute = _in_place(graph, node)
        if substitute is not None:
            graph.set_submodule(str(node.target), substitute)
    if any(isinstance(module, CONVOLUTIONS) for module in graph.modules()):
        graph.to(memory_format=torch.channels_last)
    return replace(fast, graph=graph)


def _in_place(graph: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    """Return a form of a node's module that writes over what the node reads; None where there is none."""
    module = module_of(graph, node)
    free = [_is_free(graph, operand) for operand in operands(node)]
    if isinstance(module, Site) and free[0]:
        return InPlaceSite(module)
    if isinstance(module, Arithmetic) and module.operator == "add" and _alike(node) and True in free:
        return InPlaceSum(free.index(True))
    return None


def _is_free(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Return whether a node's output is memory that nothing else holds, and that one node reads."""
    return node.op == "call_module" and isinstance(module_of(graph, node), MAKES_NEW) and len(node.users) == 1


def _alike(node: fx.Node) -> bool:
    """Return whether a node takes two activations of one shape."""
    shapes = [operand.meta["shape"] for operand in operands(node)]
    return len(shapes) == 2 and shapes[0] == shapes[1]


def fires_levels(model: Model) -> bool:
    """Return whether sites of a network made for inference compute in integers."""
    return any(isinstance(module, FiringSite) for module in model.graph.modules())


def batch_that_fits(model: Model) -> int:
    """Return how many images to run at a time: enough that weights are not all that is read, few enough for the cache.

    On a GPU, enough to keep it busy, few enough for its memory. Sites that fire levels add up the steps as they come,
    so that T counts only where there are none.
    """
    on_device = any(parameter.device.type != "cpu" for parameter in model.graph.parameters())
    most = LARGEST_ON_DEVICE if on_device else LARGEST_TENSOR
    steps = 1 if fires_levels(model) else model.timesteps or 1
    return min(LARGEST_BATCH, samples_within(model.graph, most, steps))


def _give_once(graph: fx.GraphModule) -> None:
    """Take out repetitions of one current that only neurons read, and let these neurons take it once."""
    changed = False
    for node in calls(graph):
        if not isinstance(module_of(graph, node), Repeat):
            continue
        neurons = {user: module_of(graph, user) for user in node.users if user.op == "call_module"}
        if len(neurons) < len(node.users) or not all(isinstance(module, SpikingSite) for module in neurons.values()):
            continue
        for user, module in neurons.items():
            assert isinstance(module, SpikingSite)
            graph.set_submodule(str(user.target), TimeInvariantSite(module))
        node.replace_all_uses_with(operands(node)[0])
        graph.graph.erase_node(node)
        changed = True
    finish(graph, changed)
