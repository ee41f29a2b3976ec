"""Walk a network on data, follow its spikes, and count what they and the real values cost.

What an operator's operand is made of decides:

| operand | cost |
|---|---|
| spikes | one addition for each output that a unit spike feeds: a linear operator's exact fan-out |
| real values that do not change over time | the operator's operations once |
| real values of every step (frames; no neuron since the last linear operator) | its operations, T times |

Spikes that meet something else than a linear operator (a batch-norm, a neuron, the addition to a real-valued
current, a mean over time) land there, one addition each. Spikes times a gate that is read once a window stay
spikes, for one multiplication a unit. In a plain or quantized network everything is real-valued and happens once.

A cost belongs to the node at which it arises: the operator that computes, the neurons that spikes land on, and where
spikes are added up over time the node that they come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from snnconv.costs.energy import DEFAULT, EnergyModel
from snnconv.costs.operations import LayerOperations, LayerSums, Operations
from snnconv.costs.operators import fan_out
from snnconv.costs.routing import fired_levels, route
from snnconv.costs.site_activity import SiteActivity, SiteSums
from snnconv.costs.updates import update_of
from snnconv.graph.access import display_name, module_of
from snnconv.graph.operator import FREE, Arrival, Cost, operator_of
from snnconv.neurons import Fold, NoForm, QuantizedSite, Repeat, SpikingSite, Steps, TimeMean, capabilities_of
from snnconv.spiking.plan import operator_name
from snnconv.spiking.sites import is_rectifier
from snnconv.spiking.temporal import analyse

__all__ = ["Activity", "Walk", "measure"]

TIME = (Fold, Repeat, Steps, TimeMean)


@dataclass(frozen=True)
class Activity:
    """Activity and operations of a network, averaged over the images counted.

    Attributes:
        sites: Activity of each site, in the order of execution.
        operations: Operations of the whole network, the sum of its layers'.
        layers: Every node that computes, fires or adds spikes up, in the order of execution; of nodes that only pass on
            what they get there is none, nor of uncounted operators.
        images: Number of images counted.
    """

    sites: tuple[SiteActivity, ...]
    operations: Operations
    layers: tuple[LayerOperations, ...]
    images: int


def measure(
    graph: fx.GraphModule,
    batches: Iterable[Tensor],
    *,
    timesteps: int | None = None,
    frames: int = 1,
    energy_model: EnergyModel = DEFAULT,
) -> Activity:
    """Count activity and operations.

    Args:
        graph: Graph of any stage, in evaluation mode.
        batches: Inputs `[B, ...]`, or `[T, B, ...]` where the graph folds them over time; at least one.
        timesteps: T of the spiking network that the graph is, or that it is the collapse of; None for a plain
            or quantized network, which has no spikes.
        frames: Number of times that an image takes the network, of a plain one that is run on frames one by one.
        energy_model: Prices of operations.
    """
    walk = Walk(graph, timesteps)
    with torch.inference_mode():
        for batch in batches:
            walk.images += batch.shape[walk.batch_axis]
            walk.averaged.clear()
            walk.run(batch)
    return walk.result(frames, energy_model)


class Walk(fx.Interpreter):
    """Runs a graph and keeps counts of unit spikes beside its values; `measure` is how it is used."""

    def __init__(self, graph: fx.GraphModule, timesteps: int | None) -> None:
        super().__init__(graph)
        self.graph_module = graph
        self.timesteps = timesteps
        timing = analyse(graph)
        self.temporal, self.on_means = timing.temporal, timing.on_means
        self.batch_axis = 1 if any(isinstance(module, Fold) for module in graph.modules()) else 0
        self.stepped = any(isinstance(module, (SpikingSite, *TIME)) for module in graph.modules())
        self.counts: dict[fx.Node, Tensor] = {}
        self.averaged: set[fx.Node] = set()  # nodes whose spikes have landed in a time mean, in this batch
        self.sites: dict[fx.Node, SiteSums] = {}
        self.fan_outs: dict[tuple[Any, torch.Size], Tensor] = {}
        self.images = 0
        self.layers: dict[fx.Node, LayerSums] = {}
        self.uncounted: dict[str, str] = {}

    def run_node(self, n: fx.Node) -> Any:
        """Run one node, then account for it."""
        value = super().run_node(n)
        if n.op == "call_module":
            self._account(n, module_of(self.graph_module, n), value)
        elif n.op == "output":
            self._average(n.all_input_nodes)
        for finished in self.user_to_last_uses.get(n, []):
            self.counts.pop(finished, None)
        return value

    def result(self, frames: int, energy_model: EnergyModel) -> Activity:
        """Return averages over the images."""
        uncounted = tuple({"name": name, "operator": kind} for name, kind in self.uncounted.items())
        total = self.total().mean(self.images, frames, energy_model)
        layers = (
            LayerOperations(
                name=display_name(node), operator=self._operator(node), **sums.mean(self.images, frames, energy_model)
            )
            for node in self.graph_module.graph.nodes
            if (sums := self.layers.get(node)) is not None
        )
        sites = tuple(sums.mean(display_name(node), self.timesteps) for node, sums in self.sites.items())
        return Activity(sites, Operations(uncounted_operators=uncounted, **total), tuple(layers), self.images)

    def total(self) -> LayerSums:
        """Return the sums of all layers, over all images."""
        return LayerSums.total(list(self.layers.values()))

    def _operator(self, node: fx.Node) -> str:
        """The operator's name; of a quantized activation that stands for neurons, theirs."""
        module = module_of(self.graph_module, node)
        if isinstance(module, QuantizedSite) and self.timesteps is not None:
            form = capabilities_of(module).spiking
            return operator_name(module) if isinstance(form, NoForm) else form.neurons
        return operator_name(module)

    def _layer(self, node: fx.Node) -> LayerSums:
        return self.layers.setdefault(node, LayerSums())

    def _account(self, node: fx.Node, module: nn.Module, value: Tensor) -> None:
        if node in self.on_means or isinstance(module, TimeMean):
            self._average(node.all_input_nodes)
            operands: list[Tensor | None] = [None for _ in node.args]
        else:
            operands = [self.counts.get(arg) for arg in node.args]  # type: ignore[arg-type]
        if is_rectifier(module) or isinstance(module, (QuantizedSite, SpikingSite)):
            self._land(node, operands, value)
            self._fire(node, module, value)
            return
        if isinstance(module, TIME):
            return
        cost = operator_of(module).cost
        counts = self._gate(node, module, cost, operands)
        if counts is None:
            counts = route(module, operands)
        if counts is not None:
            self.counts[node] = counts
        elif isinstance(cost, NoForm):
            self.uncounted[display_name(node)] = type(module).__name__
        elif cost is not FREE:
            self._work(node, module, cost, operands, value)

    def _gate(
        self, node: fx.Node, module: nn.Module, cost: Cost | NoForm, operands: Sequence[Tensor | None]
    ) -> Tensor | None:
        """Spikes times what does not change over time: they stay spikes, for one multiplication a unit and window."""
        spikes = [counts for counts in operands if counts is not None]
        if isinstance(cost, NoForm) or len(operands) != 2 or len(spikes) != 1:
            return None
        if cost.arrival_at(module) is not Arrival.SCALED:
            return None
        if sum(arg in self.temporal for arg in node.args) != 1:
            return None
        shape = node.meta["shape"]
        counts = spikes[0].expand(-1, *shape)
        layer = self._layer(node)
        layer.macs += counts.numel()
        layer.value_reads += counts.numel()
        return counts

    def _fire(self, node: fx.Node, module: nn.Module, value: Tensor) -> None:
        fired = fired_levels(module, value)
        levels, highest = fired if fired is not None else (value, None)
        spikes = self.sites.setdefault(node, SiteSums(highest)).add(levels)
        layer = self._layer(node)
        if fired is not None and self.timesteps is not None:
            self.counts[node] = levels
            if isinstance(capabilities_of(module).update, NoForm):
                self.uncounted[display_name(node)] = operator_name(module)
            else:
                layer.update(update_of(module, self.timesteps), self.timesteps * levels.numel())
            layer.spike_writes += spikes

    def _work(
        self, node: fx.Node, module: nn.Module, cost: Cost, operands: Sequence[Tensor | None], value: Tensor
    ) -> None:
        """Add the cost of an operator that computes."""
        spiking = any(counts is not None for counts in operands)
        arrival = cost.arrival_at(module) if spiking else Arrival.VALUES
        if arrival is Arrival.SYNAPSES:
            self._cross_synapses(node, module, operands[0])
        elif arrival is Arrival.ADDED:
            self._land(node, operands, value)
        else:
            inputs = self.env[node.args[0]].numel()  # type: ignore[index]
            work = cost.dense(module, inputs, value.numel())
            times = self.timesteps if self.timesteps and node in self.temporal and not self.stepped else 1
            # the first of two operands, or of those that a sum begins with, is read without an operation
            first = value.numel() if len(operands) == 2 or cost.starts_with_read else 0
            layer = self._layer(node)
            layer.macs += times * work.macs
            layer.additions += times * work.additions
            layer.weight_reads += times * work.macs if cost.reads_weights else 0
            layer.value_reads += times * (work.macs + work.additions + first)
            layer.value_writes += times * value.numel()

    def _cross_synapses(self, node: fx.Node, module: nn.Module, counts: Tensor | None) -> None:
        assert counts is not None
        key = (node.target, counts.shape[1:])
        if key not in self.fan_outs:
            self.fan_outs[key] = fan_out(module, counts.shape).to(counts.device)
        spikes = counts.sum(0, dtype=torch.float64)
        self._layer(node).land((spikes * self.fan_outs[key]).sum(), spikes.sum(), weighted=True)

    def _land(self, node: fx.Node, operands: Sequence[Tensor | None], value: Tensor) -> None:
        """Spikes that are added up where they arrive, at every position of `value`."""
        for counts in operands:
            if counts is not None:
                operations = counts.expand(-1, *value.shape[1:]).sum(dtype=torch.float64)
                self._layer(node).land(operations, counts.sum(dtype=torch.float64), weighted=False)

    def _average(self, nodes: Iterable[fx.Node]) -> None:
        """Spikes that are added up over time, once for all who read the mean."""
        for node in nodes:
            if node in self.counts and node not in self.averaged:
                self.averaged.add(node)
                spikes = self.counts[node].sum(dtype=torch.float64)
                self._layer(node).land(spikes, spikes, weighted=False)
