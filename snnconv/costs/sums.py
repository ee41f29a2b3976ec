"""Sums of operations over images, of one node or of several, with spikes in the three counts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from snnconv.costs.energy import EnergyModel
from snnconv.costs.operations import MemoryAccesses, SpikeWork
from snnconv.costs.updates import Update
from snnconv.neurons.spike_counts import SpikeCount

__all__ = ["LayerSums"]

NOTHING = torch.zeros(len(SpikeCount), dtype=torch.float64)


class LayerSums:
    """Sums of one node over images."""

    def __init__(self) -> None:
        self.macs = self.additions = 0.0
        self.updates = self.update_additions = self.update_multiplications = 0.0
        self.weight_reads = self.value_reads = self.value_writes = 0.0
        self.state_reads = self.state_writes = 0.0
        self.synops = NOTHING
        self.synapses = NOTHING  # those of the synops that go through a weight
        self.spike_reads = NOTHING
        self.spike_writes = NOTHING

    def land(self, operations: Tensor, spikes: Tensor, *, weighted: bool) -> None:
        """Add spikes where they land.

        Args:
            operations: Number of operations that they cause in each count, `[3]`.
            spikes: Number of spikes in each count, `[3]`.
            weighted: True where they land through weights.
        """
        operations = operations.cpu()
        self.synops = self.synops + operations
        self.spike_reads = self.spike_reads + spikes.detach().cpu()
        if weighted:
            self.synapses = self.synapses + operations.detach()

    def write(self, spikes: Tensor) -> None:
        """Add spikes that were fired, in each count, `[3]`."""
        self.spike_writes = self.spike_writes + spikes.cpu()

    def send(self, operations: float, values: float) -> None:
        """Add real values that are sent through weights where they changed.

        Args:
            operations: Number of multiply-accumulates that they cause.
            values: Number of values.
        """
        self.macs += operations
        self.weight_reads += operations
        self.value_reads += values
        self.state_reads += operations
        self.state_writes += operations

    def update(self, one: Update, times: int) -> None:
        """Add updates of neurons."""
        self.updates += times
        self.update_additions += times * one.additions
        self.update_multiplications += times * one.multiplications
        self.state_reads += times * one.reads
        self.state_writes += times * one.writes

    @staticmethod
    def total(layers: list[LayerSums]) -> LayerSums:
        """Return the sum of several nodes."""
        total = LayerSums()
        for layer in layers:
            for name, value in vars(layer).items():
                setattr(total, name, value + getattr(total, name))
        return total

    def mean(self, images: int, times: int, model: EnergyModel) -> dict[str, Any]:
        """Return the fields of `Counts`, averaged over images.

        Args:
            images: Number of images that were added up.
            times: Number of times that an image takes the network.
            model: Prices of operations.
        """
        share = times / images
        works = [self._work(place, share) for place in range(len(SpikeCount))]
        unary = works[0]
        return {
            "macs_per_image": self.macs * share,
            "synops_per_image": unary.synops_per_image,
            "additions_per_image": self.additions * share,
            "neuron_updates_per_image": self.updates * share,
            "neuron_additions_per_image": self.update_additions * share,
            "neuron_multiplications_per_image": self.update_multiplications * share,
            "memory_accesses": unary.memory_accesses,
            "power_of_two": works[1],
            "graded": works[2],
            "energy_model": model,
        }

    def _work(self, place: int, share: float) -> SpikeWork:
        """Return the work in the count of a place, times a share."""
        synops = float(self.synops[place])
        accesses = MemoryAccesses(
            weight_read=self.weight_reads + float(self.synapses[place]),
            value_read=self.value_reads,
            value_write=self.value_writes,
            potential_read=self.state_reads + synops,
            potential_write=self.state_writes + synops,
            spike_read=float(self.spike_reads[place]),
            spike_write=float(self.spike_writes[place]),
        )
        return SpikeWork(
            synops * share, MemoryAccesses(**{name: count * share for name, count in asdict(accesses).items()})
        )
