"""A network for inference whose spikes are what they are: small integers.

A site of at most 255 levels puts out unsigned 8-bit integers; convolutions and linear layers take them as they are,
the worth of a level folded into their weights, and compute in integers (weight_slices.py). Where a site is all that
reads a convolution, or a sum of several, these add up in the site itself (firing.py). All else is given currents, as
before.

    site -> Conv2d -> add -> site       becomes      levels -> FiringSite[Conv2d, + skip] -> levels
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Tensor, fx, nn

from snnconv.graph.access import calls, finish, free_target, module_of, operands, results
from snnconv.graph.modules import Arithmetic, MaxPool
from snnconv.neurons import Coupling, NoForm, QuantizedSite, SpikingSite, capabilities_of
from snnconv.neurons.site import Site
from snnconv.runtime.firing import firing_of
from snnconv.runtime.levels import MOST, Added, Currents, Input, Weighted, WeightedLevels
from snnconv.runtime.substitutes import TimeInvariantSite
from snnconv.runtime.weight_slices import SLICES, SlicedWeights, has_integer_arithmetic

__all__ = ["ARITHMETIC", "fits", "least_sum", "use_levels"]

ARITHMETIC = f"integer levels, weights in {8 * SLICES} bits"
LEAST_SUM = 512  # products that an output adds up, from which integers are faster than floats
LEAST_SUM_OF_STEPS = 64  # the same where all steps add up to one output: less memory is written
LARGEST_SLICE = 2**20  # bytes: weights of steps that are computed together stay in a processor's cache
MOST_SUM = 2**31 // (MOST * 127)  # that fit into 32 bits


@dataclass(frozen=True)
class _IntegerActivation:
    """An activation as integers.

    Attributes:
        step: Worth of one level, `[]` or `[C]`, float64.
        most: Largest sum of one neuron's levels over the steps.
    """

    step: Tensor
    most: int


def fits(graph: nn.Module) -> bool:
    """Return whether a network may compute in integers here: it is in float32, on a CPU that can."""
    floats = [tensor for tensor in (*graph.parameters(), *graph.buffers()) if tensor.is_floating_point()]
    single = all(tensor.dtype is torch.float32 and tensor.device.type == "cpu" for tensor in floats)
    return single and has_integer_arithmetic()


def least_sum(timesteps: int | None, coupling: Coupling | None) -> int:
    """Return how many products an output of a convolution must add up for the convolution to take levels."""
    return LEAST_SUM_OF_STEPS if coupling is Coupling.MEAN and (timesteps or 1) > 1 else LEAST_SUM


def use_levels(graph: fx.GraphModule, least: int = LEAST_SUM) -> bool:
    """Let sites put out levels, and operators that can take levels take them, in place.

    Args:
        graph: Graph that `fits`, every call with a module of its own.
        least: Fewest products of an output for which an operator takes levels (`least_sum`).

    Returns:
        True where any site puts out levels.
    """
    return finish(graph, _Rewriter(graph, least).changed)


class _Rewriter:
    """Goes through the nodes in the order of execution: the form of a node's input is known when it is reached."""

    def __init__(self, graph: fx.GraphModule, least: int) -> None:
        self.graph = graph
        self.least = least
        self.levels: dict[fx.Node, _IntegerActivation] = {}
        for node in calls(graph):
            module = module_of(graph, node)
            source = self.levels.get(operands(node)[0]) if operands(node) else None
            time_invariant = isinstance(module, TimeInvariantSite)
            site = module.site if isinstance(module, TimeInvariantSite) else module
            if isinstance(site, Site):
                self._site(node, site, time_invariant)
            elif source is not None and self._passes(node):
                self.levels[node] = self._behind(node, source)
        self.changed = bool(self.levels)
        for node in list(self.levels):
            self._read(node)

    def _site(self, node: fx.Node, site: nn.Module, time_invariant: bool) -> None:
        """Make a site fire levels, where it can, and anything gains by it."""
        if not _has_levels(site) or len(node.meta["shape"]) not in (1, 3):
            return
        top = operands(node)[0]
        addends = self._addends(top)
        if not any(map(self._is_weighted, addends)) and not self._is_taken(node):
            return
        steps_added = 1
        if isinstance(site, SpikingSite) and site.coupling is Coupling.MEAN and not time_invariant:
            steps_added = site.timesteps
        step = _step(site)
        bias = torch.zeros(node.meta["shape"][0], dtype=torch.float64)
        inputs = []
        for addend in addends:
            inputs.append(self._input(addend, step, steps_added))
            if self._is_weighted(addend):
                linear: Any = module_of(self.graph, addend)
                bias += 0 if linear.bias is None else linear.bias.detach().double() / step  # the same at every step
        self.graph.set_submodule(str(node.target), firing_of(site, inputs, bias, time_invariant=time_invariant))
        node.args = tuple(operands(addend)[0] if self._is_weighted(addend) else addend for addend in addends)
        self._erase(top)
        self.levels[node] = _IntegerActivation(step, site.total_levels)

    def _input(self, addend: fx.Node, step: Tensor, steps_added: int) -> Input:
        """Return the adder of one addend of a site, in units of its levels times the steps that come together."""
        unit = step * steps_added
        if self._is_weighted(addend):
            return Weighted(self._weights(module_of(self.graph, addend), operands(addend)[0], unit, steps_added))
        levels = self.levels.get(addend)
        return Added(1 / unit) if levels is None else Added(levels.step / unit, levels.most)

    def _weights(self, linear: Any, source: fx.Node, unit: Tensor, timesteps: int = 1) -> SlicedWeights:
        """Return sliced weights for the levels of `source`; of T steps that add up, as many together as pays."""
        levels, together = self.levels[source], 1
        if isinstance(linear, nn.Conv2d) and linear.groups == 1 and levels.most <= MOST:
            most = LARGEST_SLICE // linear.weight.numel()
            together = max((count for count in range(1, min(most, timesteps) + 1) if timesteps % count == 0), default=1)
        return SlicedWeights(linear, levels.step, unit, tuple(source.meta["shape"]), together=together)

    def _addends(self, node: fx.Node) -> list[fx.Node]:
        """Return the addends of sums that nothing else reads, the node itself where it is no such sum."""
        if not self._is_private(node) or not self._is_sum(node):
            return [node]
        return [addend for operand in operands(node) for addend in self._addends(operand)]

    def _is_sum(self, node: fx.Node) -> bool:
        """Return whether a node adds two different activations of one shape."""
        module = module_of(self.graph, node)
        if not isinstance(module, Arithmetic) or module.operator != "add" or len(operands(node)) != 2:
            return False
        one, other = operands(node)
        return bool(one.meta["shape"] == other.meta["shape"]) and one is not other

    def _is_private(self, node: fx.Node) -> bool:
        """Return whether one node reads this one's output, and the network does not put it out."""
        return node.op == "call_module" and len(node.users) == 1 and node not in results(self.graph)

    def _is_weighted(self, node: fx.Node) -> bool:
        """Return whether it is a linear operator of levels that one node alone reads."""
        return self._is_private(node) and operands(node)[0] in self.levels and self._takes_levels(node)

    def _takes_levels(self, node: fx.Node) -> bool:
        """Return whether a node is a linear operator that can take levels, and is faster then."""
        if node.op != "call_module":
            return False
        module, shape = module_of(self.graph, node), operands(node)[0].meta["shape"]
        if isinstance(module, nn.Conv2d):
            plain = module.padding_mode == "zeros" and not isinstance(module.padding, str) and len(shape) == 3
            return plain and self.least <= math.prod(module.weight.shape[1:]) <= MOST_SUM
        return isinstance(module, nn.Linear) and len(shape) == 1 and self.least <= module.in_features <= MOST_SUM

    def _passes(self, node: fx.Node) -> bool:
        """Return whether a node moves levels, or chooses among them."""
        module, shape = module_of(self.graph, node), operands(node)[0].meta["shape"]
        if isinstance(module, MaxPool):
            rank = len(module.kernel)
            even = module.pads[:rank] == module.pads[rank:]
            return even and all(2 * pad <= size for pad, size in zip(module.pads, module.kernel, strict=False))
        return isinstance(module, nn.Flatten) and module.start_dim == 1 and module.end_dim == -1 and len(shape) == 3

    def _behind(self, node: fx.Node, source: _IntegerActivation) -> _IntegerActivation:
        """Return the levels behind a node that passes them."""
        before, after = operands(node)[0].meta["shape"], node.meta["shape"]
        if len(before) == len(after) or source.step.dim() == 0:
            return source
        return _IntegerActivation(source.step.repeat_interleave(math.prod(before[1:])), source.most)

    def _is_taken(self, node: fx.Node) -> bool:
        """Return whether anything takes a site's levels."""
        users = [user for user in node.users if user.op == "call_module"]
        return any(self._takes_levels(user) or (self._passes(user) and self._is_taken(user)) for user in users)

    def _read(self, node: fx.Node) -> None:
        """Give whatever reads levels a form that can: integers, or currents before it."""
        currents: fx.Node | None = None
        for user in list(node.users):
            if user in self.levels:
                continue
            if self._takes_levels(user):
                linear: Any = module_of(self.graph, user)
                weights = self._weights(linear, node, torch.ones((), dtype=torch.float64))
                self.graph.set_submodule(str(user.target), WeightedLevels(weights, linear.bias))
                continue
            if currents is None:
                currents = self._currents(node)
            user.replace_input_with(node, currents)

    def _currents(self, node: fx.Node) -> fx.Node:
        """Insert a node that turns levels into currents."""
        target = free_target(self.graph, f"{node.target}_currents")
        self.graph.add_submodule(target, Currents(self.levels[node].step))
        with self.graph.graph.inserting_after(node):
            currents = self.graph.graph.call_module(target, (node,))
        currents.meta["shape"] = node.meta["shape"]
        return currents

    def _erase(self, node: fx.Node) -> None:
        """Take out nodes that nothing reads any more."""
        if node.op != "call_module" or node.users:
            return
        sources = operands(node)
        self.graph.graph.erase_node(node)
        for source in sources:
            self._erase(source)


def _has_levels(site: nn.Module) -> TypeGuard[QuantizedSite | SpikingSite]:
    """Return whether a site's output is a whole number of levels that 8 bits hold, with the channels on axis 1."""
    if not isinstance(site, (QuantizedSite, SpikingSite)) or isinstance(capabilities_of(site).engine, NoForm):
        return False
    if site.signed or (site.ceiling.dim() and site.channel_axis != 1):
        return False
    if isinstance(site, SpikingSite) and site.coupling is not Coupling.MEAN:
        return site.levels <= MOST
    return site.total_levels <= MOST


def _step(site: QuantizedSite | SpikingSite) -> Tensor:
    """Return the worth of one level, float64."""
    per_step = site.levels if isinstance(site, SpikingSite) else site.total_levels
    return site.ceiling.detach().double() / per_step
