"""Operations of a layer and of a network, and their estimated energy.

Synaptic operations are the additions that spikes cause: a unit spike costs one at each place it lands (a spike of
level k is k unit spikes). Additions are those of real values. Memory is counted as if nothing were kept in a register:

| access | how often |
|---|---|
| weight read | once a multiply-accumulate or synaptic operation of a linear operator |
| value read | once an operation on real values (activations, or both branches of a sum) |
| value write | once a real value that an operator gives, at every step at which it computes |
| potential read, write | once a synaptic operation, and what an update takes (updates.py) |
| spike write | once a unit spike fired |
| spike read | once a unit spike and operator that takes it |
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import Tensor

from snnconv.costs.energy import DEFAULT, EnergyModel
from snnconv.costs.updates import Update

__all__ = ["Counts", "LayerOperations", "LayerSums", "MemoryAccesses", "Operations"]


@dataclass(frozen=True)
class MemoryAccesses:
    """Words read and written for one image; the names are those of `MemoryPrices`."""

    weight_read: float = 0.0
    value_read: float = 0.0
    value_write: float = 0.0
    potential_read: float = 0.0
    potential_write: float = 0.0
    spike_read: float = 0.0
    spike_write: float = 0.0


@dataclass(frozen=True)
class Counts:
    """Operations of one image, averaged over those counted.

    Attributes:
        macs_per_image: Multiply-accumulates; a lone multiplication counts as one.
        synops_per_image: Synaptic operations, the additions that spikes cause.
        additions_per_image: Additions of real values.
        neuron_updates_per_image: Updates of neurons, one a neuron and time step.
        neuron_additions_per_image: Additions and comparisons of those updates.
        neuron_multiplications_per_image: Multiplications of those updates.
        memory_accesses: Words read and written.
        energy_model: Prices of the operations.
    """

    macs_per_image: float = 0.0
    synops_per_image: float = 0.0
    additions_per_image: float = 0.0
    neuron_updates_per_image: float = 0.0
    neuron_additions_per_image: float = 0.0
    neuron_multiplications_per_image: float = 0.0
    memory_accesses: MemoryAccesses = MemoryAccesses()
    energy_model: EnergyModel = DEFAULT

    @property
    def energy_pj_per_image(self) -> float:
        """Return the estimated energy of MACs, synaptic operations and additions, in picojoules."""
        prices = self.energy_model.operations
        additions = self.synops_per_image + self.additions_per_image
        return prices.multiply_accumulate.value * self.macs_per_image + prices.addition.value * additions

    @property
    def neuron_energy_pj_per_image(self) -> float:
        """Return the estimated energy of neuron updates, in picojoules; it is not in `energy_pj_per_image`."""
        prices = self.energy_model.operations
        return (
            prices.addition.value * self.neuron_additions_per_image
            + prices.multiplication.value * self.neuron_multiplications_per_image
        )

    @property
    def memory_energy_pj_per_image(self) -> float | None:
        """Return the estimated energy of memory accesses, in picojoules; None where there are no prices of memory.

        It is in no other figure.
        """
        prices = self.energy_model.memory
        if prices is None:
            return None
        words = asdict(self.memory_accesses)
        return float(sum(words[field.name] * getattr(prices, field.name).value for field in fields(prices)))

    def to_dict(self) -> dict[str, Any]:
        """Return the counts and energies JSON-ready, without the prices."""
        counted = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in ("memory_accesses", "energy_model", "uncounted_operators")
        }
        return counted | {
            "energy_pj_per_image": self.energy_pj_per_image,
            "neuron_energy_pj_per_image": self.neuron_energy_pj_per_image,
            "memory_energy_pj_per_image": self.memory_energy_pj_per_image,
            "memory_accesses_per_image": asdict(self.memory_accesses),
        }


@dataclass(frozen=True, kw_only=True)
class LayerOperations(Counts):
    """Operations of one node that computes, adds up or fires.

    Attributes:
        name: Name of the node in the ONNX file.
        operator: Operator of the node.
    """

    name: str
    operator: str


@dataclass(frozen=True, kw_only=True)
class Operations(Counts):
    """Operations of a network: the sum of its layers.

    Attributes:
        uncounted_operators: `{"name", "operator"}` of every operator whose work is not in the figures.
    """

    uncounted_operators: tuple[dict[str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the counts and energies JSON-ready, with the note on the estimate."""
        return super().to_dict() | {
            "uncounted_operators": [dict(operator) for operator in self.uncounted_operators],
            "energy_note": self.energy_model.note,
        }


class LayerSums:
    """Sums of one node over images."""

    def __init__(self) -> None:
        self.macs = self.additions = 0.0
        self.updates = self.update_additions = self.update_multiplications = 0.0
        self.weight_reads = self.value_reads = self.value_writes = 0.0
        self.state_reads = self.state_writes = 0.0
        self.spike_writes = 0.0
        self.synops = torch.zeros((), dtype=torch.float64)
        self.synapses = torch.zeros((), dtype=torch.float64)  # those of the synops that go through a weight
        self.spike_reads = torch.zeros((), dtype=torch.float64)

    def land(self, operations: Tensor, spikes: Tensor, *, weighted: bool) -> None:
        """Add spikes where they land.

        Args:
            operations: Number of additions that they cause.
            spikes: Number of unit spikes.
            weighted: True where they land through weights.
        """
        self.synops = self.synops.to(operations.device) + operations
        self.spike_reads = self.spike_reads.to(operations.device) + spikes.detach()
        if weighted:
            self.synapses = self.synapses.to(operations.device) + operations.detach()

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
        synops = float(self.synops)
        accesses = MemoryAccesses(
            weight_read=self.weight_reads + float(self.synapses),
            value_read=self.value_reads,
            value_write=self.value_writes,
            potential_read=self.state_reads + synops,
            potential_write=self.state_writes + synops,
            spike_read=float(self.spike_reads),
            spike_write=self.spike_writes,
        )
        return {
            "macs_per_image": self.macs * times / images,
            "synops_per_image": synops * times / images,
            "additions_per_image": self.additions * times / images,
            "neuron_updates_per_image": self.updates * times / images,
            "neuron_additions_per_image": self.update_additions * times / images,
            "neuron_multiplications_per_image": self.update_multiplications * times / images,
            "memory_accesses": MemoryAccesses(
                **{name: count * times / images for name, count in asdict(accesses).items()}
            ),
            "energy_model": model,
        }
