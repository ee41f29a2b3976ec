"""A network as it runs fastest without gradients: the same modules and arithmetic, with fewer passes over memory.

* Batch-norm goes into the convolutions.
* A current that is the same at every step is given to a neuron once, not T times.
* A site, and a sum, writes over its input where nothing else reads that.
* Images lie channels last where there are convolutions.
* In float32, on a CPU with integer arithmetic, spikes are integers (integers.py).

    batch [B, C, H, W] -> layers before the first site once -> sites [T*B, ...], in place -> read-out
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import fx

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

__all__ = ["batch_that_fits", "fires_levels", "for_inference"]

LARGEST_TENSOR = 2**23  # floats of one activation, its time steps and its batch together, in a processor's cache
LARGEST_ON_DEVICE = 2**28  # and in a GPU's memory
LARGEST_BATCH = 256

MAKES_NEW = (
    *LINEAR,
    *NORMS,
    Arithmetic,
    Currents,
    WeightedLevels,
)  # modules whose output is memory that nothing else holds


def for_inference(model: Model, *, integers: bool | None = None) -> Model:
    """A copy that gives the same outputs as `model` does in evaluation mode, without gradients.

    Args:
        model: of any stage.
        integers: let spikes be integers, as far as the network allows; None: if the processor and float32 allow it.
            Outputs are then as far from the exact ones as those in float32 are, but not the same.

    Raises:
        InvalidValueError: integers are asked for where the processor, or the network's precision, does not allow them.
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
        module, free = module_of(graph, node), [_is_free(graph, given) for given in operands(node)]
        if isinstance(module, Site):
            module.overwrites = free[0]
        elif isinstance(module, Arithmetic) and module.operator == "add" and _alike(node):
            module.overwrites = free.index(True) if True in free else None
    if any(isinstance(module, CONVOLUTIONS) for module in graph.modules()):
        graph.to(memory_format=torch.channels_last)
    return replace(fast, graph=graph)


def _is_free(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Whether a node's output is memory that nothing else holds, and that one node reads."""
    return node.op == "call_module" and isinstance(module_of(graph, node), MAKES_NEW) and len(node.users) == 1


def _alike(node: fx.Node) -> bool:
    """Whether a node takes two activations of one shape."""
    shapes = [given.meta["shape"] for given in operands(node)]
    return len(shapes) == 2 and shapes[0] == shapes[1]


def fires_levels(model: Model) -> bool:
    """Whether sites of a network made for inference compute in integers."""
    return any(isinstance(module, FiringSite) for module in model.graph.modules())


def batch_that_fits(model: Model) -> int:
    """Images to run at a time: enough that weights are not all that is read, few enough for a processor's cache.

    On a GPU, enough to keep it busy, few enough for its memory. Sites that fire levels add up the steps as they come,
    so that T counts only where there are none.
    """
    on_device = any(parameter.device.type != "cpu" for parameter in model.graph.parameters())
    most = LARGEST_ON_DEVICE if on_device else LARGEST_TENSOR
    steps = 1 if fires_levels(model) else model.timesteps or 1
    return min(LARGEST_BATCH, samples_within(model.graph, most, steps))


def _give_once(graph: fx.GraphModule) -> None:
    """Take out repetitions of one current that only neurons read."""
    changed = False
    for node in list(graph.graph.nodes):
        if node.op != "call_module" or not isinstance(module_of(graph, node), Repeat):
            continue
        modules = [module_of(graph, user) for user in node.users if user.op == "call_module"]
        neurons = [module for module in modules if isinstance(module, SpikingSite)]
        if len(neurons) == len(node.users):
            for neuron in neurons:
                neuron.still = True
            node.replace_all_uses_with(operands(node)[0])
            graph.graph.erase_node(node)
            changed = True
    finish(graph, changed)
