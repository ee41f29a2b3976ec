"""Fan-out of every neuron of a network: the additions that one unit spike of it causes, at every place it reaches.

Synaptic operations are linear in the counts of unit spikes (walk.py). So one walk of a graph whose counts are
variables, and one gradient of its synaptic operations, tell what every neuron's spike costs, exactly: at borders, with
strides, where several operators read one activation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from snnconv.costs.energy import AC_PJ, MAC_PJ
from snnconv.costs.walk import Walk
from snnconv.neurons.spike_counts import SpikeCount

__all__ = ["SpikeFanOut", "spike_fan_out"]


@dataclass(frozen=True)
class SpikeFanOut:
    """Additions that unit spikes cause, and energy that they do not.

    Attributes:
        additions: Additions that one unit spike of each neuron causes, `[*shape]` of a site without the batch, by the
            names of the sites' modules.
        fixed_pj: Energy of one image, in picojoules, that no spike causes: of the layers before the first site.
    """

    additions: dict[str, Tensor]
    fixed_pj: float


def spike_fan_out(graph: fx.GraphModule, sample: Tensor, timesteps: int) -> SpikeFanOut:
    """Follow one unit spike of every neuron, and count the additions that it causes.

    Args:
        graph: ANN or quantized ANN, in evaluation mode; its sites are taken for neurons.
        sample: One input `[1, ...]`, for its shape.
        timesteps: T of the spiking network that it stands for.
    """
    walk = _Unit(graph, timesteps)
    walk.count(sample)
    total = walk.total()
    operations = total.synops[0] + sum(counts.sum() * 0 for counts in walk.units.values())  # a spike may reach nothing
    gradients = torch.autograd.grad(operations, list(walk.units.values()))
    additions = {str(node.target): gradient[0] for node, gradient in zip(walk.units, gradients, strict=True)}
    return SpikeFanOut(additions, MAC_PJ * total.macs + AC_PJ * total.additions)


class _Unit(Walk):
    """A walk on which every neuron fires one unit spike, which is a variable."""

    def __init__(self, graph: fx.GraphModule, timesteps: int) -> None:
        super().__init__(graph, timesteps)
        self.units: dict[fx.Node, Tensor] = {}

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Call it without gradients, which values do not need."""
        with torch.no_grad():
            return super().call_module(target, args, kwargs)

    def _fire(self, node: fx.Node, module: nn.Module, value: Tensor) -> None:
        self.units[node] = torch.ones_like(value, requires_grad=True)
        self.counts[node] = self.units[node].expand(len(SpikeCount), *value.shape[1:])  # the same in every count
