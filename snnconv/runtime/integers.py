"""A network for inference whose spikes are what they are: small integers.

A site of at most 255 levels puts out unsigned 8-bit integers; convolutions and linear layers take them as they are,
what a level is worth folded into their weights, and compute in integers (pieces.py). Where a site is all that reads a
convolution, or a sum of several, these add up in the site itself (firing.py). All else is given currents, as before.

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
from snnconv.runtime.weight_slices import PIECES, SplitWeights, has_integer_arithmetic

__all__ = ["ARITHMETIC", "fits", "least_sum", "use_levels"]

ARITHMETIC = f"integer levels, weights in {8 * PIECES} bits"
LEAST_SUM = 512  # products that an output adds up, from which integers are faster than floats
LEAST_SUM_OF_STEPS = 64  # the same where all steps add up to one output: less memory is written
LARGEST_PIECE = 2**20  # bytes: weights of steps that are computed together stay in a processor's cache
MOST_SUM = 2**31 // (MOST * 127)  # that fit into 32 bits


@dataclass(frozen=True)
class _Levels:
    """An activation as integers.

    Attributes:
        step: what a level is worth, `[]` or `[C]`, float64.
        most: to how much levels add up over the steps.
    """

    step: Tensor
    most: int


def fits(graph: nn.Module) -> bool:
    """Whether a network may compute in integers here: float32, on a CPU that can."""
    tensors = [*graph.parameters(), *graph.buffers()]
    floats = [each for each in tensors if each.is_floating_point()]
    single = all(each.dtype is torch.float32 and each.device.type == "cpu" for each in floats)
    return single and has_integer_arithmetic()


def least_sum(timesteps: int | None, coupling: Coupling | None) -> int:
    """Products that an output of a convolution adds up, from which it takes levels."""
    return LEAST_SUM_OF_STEPS if coupling is Coupling.MEAN and (timesteps or 1) > 1 else LEAST_SUM


def use_levels(graph: fx.GraphModule, least: int = LEAST_SUM) -> bool:
    """Let sites put out levels, and what can take them take them, in place; returns whether any site does.

    Args:
        graph: of which `fits` holds, every call with a module of its own.
        least: of `least_sum`.
    """
    return finish(graph, _Rewriter(graph, least).changed)


class _Rewriter:
    """Goes through the nodes in the order of execution: what a node reads is known when it is reached."""

    def __init__(self, graph: fx.GraphModule, least: int) -> None:
        self.graph = graph
        self.least = least
        self.levels: dict[fx.Node, _Levels] = {}
        for node in calls(graph):
            module = module_of(graph, node)
            given = self.levels.get(operands(node)[0]) if operands(node) else None
            if isinstance(module, Site):
                self._site(node, module)
            elif given is not None and self._passes(node):
                self.levels[node] = self._behind(node, given)
        self.changed = bool(self.levels)
        for node in list(self.levels):
            self._read(node)

    def _site(self, node: fx.Node, site: nn.Module) -> None:
        """Make a site fire levels, where it can, and anything gains by it."""
        if not _has_levels(site) or len(node.meta["shape"]) not in (1, 3):
            return
        addends = self._addends(operands(node)[0])
        if not any(map(self._is_weighted, addends)) and not self._is_wanted(node):
            return
        step = _step(site)
        added = 1  # steps that come together
        if isinstance(site, SpikingSite) and site.coupling is Coupling.MEAN and not site.still:
            added = site.timesteps
        unit = step * added
        channels = node.meta["shape"][0]
        bias = torch.zeros(channels, dtype=torch.float64)
        inputs: list[Input] = []
        sources: list[fx.Node] = []
        for addend in addends:
            if self._is_weighted(addend):
                linear: Any = module_of(self.graph, addend)
                source = operands(addend)[0]
                inputs.append(Weighted(self._weights(linear, source, unit, added)))
                if linear.bias is not None:
                    bias += linear.bias.detach().double() / step  # the same at every step
            else:
                source = addend
                known = self.levels.get(source)
                inputs.append(Added(1 / unit) if known is None else Added(known.step / unit, known.most))
            sources.append(source)
        self.graph.set_submodule(str(node.target), firing_of(site, inputs, bias))
        top = operands(node)[0]
        node.args = tuple(sources)
        self._erase(top)
        self.levels[node] = _Levels(step, site.total_levels)

    def _weights(self, linear: Any, source: fx.Node, unit: Tensor, timesteps: int = 1) -> SplitWeights:
        """Weights of what `source` puts out; of a site that adds up T steps, as many of them together as pays."""
        levels, together = self.levels[source], 1
        if isinstance(linear, nn.Conv2d) and linear.groups == 1 and levels.most <= MOST:
            most = LARGEST_PIECE // linear.weight.numel()
            together = max((count for count in range(1, min(most, timesteps) + 1) if timesteps % count == 0), default=1)
        return SplitWeights(linear, levels.step, unit, tuple(source.meta["shape"]), together=together)

    def _addends(self, node: fx.Node) -> list[fx.Node]:
        """What sums that nothing else reads add up."""
        if not self._is_private(node) or not self._is_sum(node):
            return [node]
        return [each for given in operands(node) for each in self._addends(given)]

    def _is_sum(self, node: fx.Node) -> bool:
        module = module_of(self.graph, node)
        if not isinstance(module, Arithmetic) or module.operator != "add" or len(operands(node)) != 2:
            return False
        one, other = operands(node)
        return bool(one.meta["shape"] == other.meta["shape"]) and one is not other

    def _is_private(self, node: fx.Node) -> bool:
        """Whether one node reads this one's output, and the network does not put it out."""
        return node.op == "call_module" and len(node.users) == 1 and node not in results(self.graph)

    def _is_weighted(self, node: fx.Node) -> bool:
        """Whether it is a linear operator of levels that the asking node alone reads."""
        return self._is_private(node) and operands(node)[0] in self.levels and self._takes_levels(node)

    def _takes_levels(self, node: fx.Node) -> bool:
        """Whether a node is a linear operator that can take levels, and is faster then."""
        if node.op != "call_module":
            return False
        module, shape = module_of(self.graph, node), operands(node)[0].meta["shape"]
        if isinstance(module, nn.Conv2d):
            plain = module.padding_mode == "zeros" and not isinstance(module.padding, str) and len(shape) == 3
            return plain and self.least <= math.prod(module.weight.shape[1:]) <= MOST_SUM
        return isinstance(module, nn.Linear) and len(shape) == 1 and self.least <= module.in_features <= MOST_SUM

    def _passes(self, node: fx.Node) -> bool:
        """Whether a node moves levels, or chooses among them."""
        module, shape = module_of(self.graph, node), operands(node)[0].meta["shape"]
        if isinstance(module, MaxPool):
            rank = len(module.kernel)
            even = module.pads[:rank] == module.pads[rank:]
            return even and all(2 * pad <= size for pad, size in zip(module.pads, module.kernel, strict=False))
        return isinstance(module, nn.Flatten) and module.start_dim == 1 and module.end_dim == -1 and len(shape) == 3

    def _behind(self, node: fx.Node, given: _Levels) -> _Levels:
        """Levels behind a node that passes them."""
        before, after = operands(node)[0].meta["shape"], node.meta["shape"]
        if len(before) == len(after) or given.step.dim() == 0:
            return given
        return _Levels(given.step.repeat_interleave(math.prod(before[1:])), given.most)

    def _is_wanted(self, node: fx.Node) -> bool:
        """Whether anything takes a site's levels."""
        users = [user for user in node.users if user.op == "call_module"]
        return any(self._takes_levels(user) or (self._passes(user) and self._is_wanted(user)) for user in users)

    def _read(self, node: fx.Node) -> None:
        """Give what reads levels a form that can: integers, or currents before it."""
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
                target = free_target(self.graph, f"{node.target}_currents")
                self.graph.add_submodule(target, Currents(self.levels[node].step))
                with self.graph.graph.inserting_after(node):
                    currents = self.graph.graph.call_module(target, (node,))
                currents.meta["shape"] = node.meta["shape"]
            user.replace_input_with(node, currents)

    def _erase(self, node: fx.Node) -> None:
        """Take out what nothing reads any more."""
        if node.op != "call_module" or node.users:
            return
        before = operands(node)
        self.graph.graph.erase_node(node)
        for each in before:
            self._erase(each)


def _has_levels(site: nn.Module) -> TypeGuard[QuantizedSite | SpikingSite]:
    """Whether a site's output is a whole number of levels that 8 bits hold, with the channels on axis 1."""
    if not isinstance(site, (QuantizedSite, SpikingSite)) or isinstance(capabilities_of(site).engine, NoForm):
        return False
    if site.signed or (site.ceiling.dim() and site.channel_axis != 1):
        return False
    if isinstance(site, SpikingSite) and site.coupling is not Coupling.MEAN:
        return site.levels <= MOST
    return site.total_levels <= MOST


def _step(site: QuantizedSite | SpikingSite) -> Tensor:
    """What a level is worth, float64."""
    per_step = site.levels if isinstance(site, SpikingSite) else site.total_levels
    return site.ceiling.detach().double() / per_step
