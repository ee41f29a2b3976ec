"""Walk a network on data, follow its spikes, and count the cost of these and of the real values.

The operand of an operator decides:

| operand | cost |
|---|---|
| spikes | one synaptic operation for each output that a spike feeds: a linear operator's exact fan-out |
| real values that do not change over time | the operator's operations once |
| real values of every step (frames; no neuron since the last linear operator) | its operations, T times |

Spikes are followed in three counts at once (routing.py). Those that meet something else than a linear operator (a
batch-norm, a neuron, the addition to a real-valued current, a mean over time) land there, one addition each. Spikes
times a gate that is read once a window stay spikes, for one multiplication a unit. In a plain or quantized network
everything is real-valued and happens once.

Under differential coupling spikes are messages, and nothing waits for a window. An operator that is not affine adds up
what it is told, one addition a message, and is computed at every step. What it gives, or a linear operator that no
neuron follows, is sent on where it has changed: a multiply-accumulate for each output that a changed value feeds,
whichever way spikes are counted.

A cost belongs to the node at which it arises: the operator that computes, the neurons that spikes land on, and where
spikes are added up over time the node that they come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from snnconv.costs.operators import fan_out
from snnconv.costs.routing import route, spike_form
from snnconv.costs.sent_values import changed_values, code_of
from snnconv.costs.site_activity import SiteSums
from snnconv.costs.sums import LayerSums
from snnconv.costs.updates import update_of
from snnconv.graph.access import display_name, module_of
from snnconv.graph.operator import FREE, Arrival, Cost, Time, operator_of, time_of
from snnconv.neurons import (
    Coupling,
    Fold,
    NoForm,
    QuantizedSite,
    Repeat,
    SpikingSite,
    Steps,
    TimeMean,
    capabilities_of,
)
from snnconv.neurons.code import Code
from snnconv.neurons.site import Site
from snnconv.spiking.plan import operator_name
from snnconv.spiking.sites import is_rectifier
from snnconv.spiking.temporal import analyse

__all__ = ["Walk"]

TIME = (Fold, Repeat, Steps, TimeMean)


class Walk(fx.Interpreter):
    """An interpreter that runs a graph and keeps counts of spikes beside its values; `activity.measure` uses it.

    Args:
        graph: Graph of any stage, in evaluation mode.
        timesteps: T of the spiking network that the graph is or stands for; None for a network without spikes.
    """

    def __init__(self, graph: fx.GraphModule, timesteps: int | None) -> None:
        super().__init__(graph)
        self.graph_module = graph
        self.timesteps = timesteps
        self.code = code_of(graph)
        timing = analyse(graph, Coupling.MEAN if self.code is None else Coupling.DIFFERENTIAL)
        self.temporal, self.on_means = timing.temporal, timing.on_means
        self.batch_axis = 1 if any(isinstance(module, Fold) for module in graph.modules()) else 0
        self.stepped = any(isinstance(module, (SpikingSite, *TIME)) for module in graph.modules())
        self.counts: dict[fx.Node, Tensor] = {}
        self.averaged: set[fx.Node] = set()  # nodes whose spikes have landed in a time mean, in this batch
        self.sites: dict[fx.Node, SiteSums] = {}
        self.fan_outs: dict[tuple[Any, torch.Size], Tensor] = {}
        self.images = self.batch = 0
        self.layers: dict[fx.Node, LayerSums] = {}
        self.uncounted: dict[str, str] = {}

    def count(self, batch: Tensor) -> None:
        """Run the network on a batch, `[B, ...]` or `[T, B, ...]`, and count its operations."""
        self.batch = batch.shape[self.batch_axis]
        self.images += self.batch
        self.averaged.clear()
        self.run(batch)

    def run_node(self, n: fx.Node) -> Any:
        """Run one node, then add up its activity and cost."""
        value = super().run_node(n)
        if n.op == "call_module":
            self._account(n, module_of(self.graph_module, n), value)
        elif n.op == "output":
            self._average(n.all_input_nodes)
        for finished in self.user_to_last_uses.get(n, []):
            self.counts.pop(finished, None)
        return value

    def total(self) -> LayerSums:
        """Return the sums of all layers, over all images."""
        return LayerSums.total(list(self.layers.values()))

    def _layer(self, node: fx.Node) -> LayerSums:
        return self.layers.setdefault(node, LayerSums())

    def _account(self, node: fx.Node, module: nn.Module, value: Tensor) -> None:
        if node in self.on_means or isinstance(module, TimeMean) or self._accumulates(node, module):
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

    def _accumulates(self, node: fx.Node, module: nn.Module) -> bool:
        """Return whether an operator needs the whole of what it was told, not its changes, to be computed of."""
        if self.code is None or isinstance(module, (Site, *TIME)) or is_rectifier(module):
            return False
        changing = [arg in self.temporal for arg in node.args]
        return any(changing) and time_of(module, changing) is not Time.AFFINE

    def _gate(
        self, node: fx.Node, module: nn.Module, cost: Cost | NoForm, operands: Sequence[Tensor | None]
    ) -> Tensor | None:
        """Return the counts of spikes that are multiplied by a value that does not change over time; None of all else.

        They stay spikes, for one multiplication a unit and window.
        """
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
        units = counts[0].numel() * self.batch
        layer.macs += units
        layer.value_reads += units
        return counts

    def _fire(self, node: fx.Node, module: nn.Module, value: Tensor) -> None:
        form = spike_form(module)
        sums = self.sites.setdefault(node, SiteSums(None if form is None else form.most(module)))
        layer = self._layer(node)
        if form is None:
            sums.add(value)
        else:
            spikes = form.count(module, value, self.timesteps or 1)
            counts = torch.stack([count.sum(0, dtype=torch.float64) for count in spikes])
            fired = sums.add_spikes(spikes.unary, counts)
            if self.timesteps is not None:
                self.counts[node] = counts
                layer.write(fired)
        if self.timesteps is None or not isinstance(module, Site):
            return
        known = not isinstance(capabilities_of(module).update, NoForm)
        if known:
            neurons = value.numel() // (self.timesteps if isinstance(module, SpikingSite) else 1)
            layer.update(update_of(module, self.timesteps), self.timesteps * neurons)
        if not known or form is None:
            self.uncounted[display_name(node)] = operator_name(module)

    def _work(
        self, node: fx.Node, module: nn.Module, cost: Cost, operands: Sequence[Tensor | None], value: Tensor
    ) -> None:
        """Add the cost of an operator that computes."""
        spiking = any(counts is not None for counts in operands)
        arrival = cost.arrival_at(module) if spiking else Arrival.VALUES
        if arrival is Arrival.SYNAPSES:
            self._cross_synapses(node, module, operands[0])
        elif self.code is not None and cost.fan_out is not None and node.args[0] in self.temporal:
            self._send(node, module, self.code)
        elif arrival is Arrival.ADDED:
            self._land(node, operands, value)
        else:
            shapes = [tuple(self.env[arg].shape) for arg in node.args]  # type: ignore[index]
            work = cost.work(module, shapes, value.numel())
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
        operations = counts * self._fan_out(node, module, counts.shape)
        self._layer(node).land(_sums(operations), _sums(counts), weighted=True)

    def _fan_out(self, node: fx.Node, module: nn.Module, shape: torch.Size) -> Tensor:
        key = (node.target, shape[1:])
        if key not in self.fan_outs:
            self.fan_outs[key] = fan_out(module, shape).to(self.env[node.args[0]].device)  # type: ignore[index]
        return self.fan_outs[key]

    def _send(self, node: fx.Node, module: nn.Module, code: Code) -> None:
        """Count real values that are sent through weights where they changed."""
        assert self.timesteps is not None
        changed = changed_values(self.env[node.args[0]], self.timesteps, code)  # type: ignore[index]
        operations = changed.sum(0, dtype=torch.float64) * self._fan_out(node, module, changed.shape)
        self._layer(node).send(float(operations.sum()), float(changed.sum()))

    def _land(self, node: fx.Node, operands: Sequence[Tensor | None], value: Tensor) -> None:
        """Count spikes that are added up where they arrive, at every position of `value`."""
        for counts in operands:
            if counts is not None:
                operations = _sums(counts.expand(-1, *value.shape[1:]))
                self._layer(node).land(operations, _sums(counts), weighted=False)

    def _average(self, nodes: Iterable[fx.Node]) -> None:
        """Count spikes that are added up over time, once for all nodes that read the mean, or the sum so far."""
        for node in nodes:
            if node in self.counts and node not in self.averaged:
                self.averaged.add(node)
                spikes = _sums(self.counts[node])
                self._layer(node).land(spikes, spikes, weighted=False)


def _sums(counts: Tensor) -> Tensor:
    """Return the sum of each of the three counts `[3, ...]`, `[3]`."""
    return counts.unsqueeze(-1).flatten(1).sum(1)
