"""Operations of a layer and of a network, and what they are estimated to cost.

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
        macs_per_image: multiply-accumulates; a lone multiplication counts as one.
        synops_per_image: synaptic operations, the additions that spikes cause.
        additions_per_image: additions of real values.
        neuron_updates_per_image: one a neuron and time step.
        neuron_additions_per_image: additions and comparisons of those updates.
        neuron_multiplications_per_image: multiplications of those updates.
        memory_accesses: words read and written.
        energy_model: the prices.
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
        """Estimated energy of MACs, synaptic operations and additions, in picojoules."""
        prices = self.energy_model.operations
        additions = self.synops_per_image + self.additions_per_image
        return prices.multiply_accumulate.value * self.macs_per_image + prices.addition.value * additions

    @property
    def neuron_energy_pj_per_image(self) -> float:
        """Estimated energy of neuron updates, in picojoules; not in `energy_pj_per_image`."""
        prices = self.energy_model.operations
        return (
            prices.addition.value * self.neuron_additions_per_image
            + prices.multiplication.value * self.neuron_multiplications_per_image
        )

    @property
    def memory_energy_pj_per_image(self) -> float | None:
        """Estimated energy of memory accesses, in picojoules, in no other figure; None of a model without memory."""
        prices = self.energy_model.memory
        if prices is None:
            return None
        words = asdict(self.memory_accesses)
        return float(sum(words[field.name] * getattr(prices, field.name).value for field in fields(prices)))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, without the prices."""
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
    """What one node computes, adds up or fires.

    Attributes:
        name: of the node in the ONNX file.
        operator: of the node.
    """

    name: str
    operator: str


@dataclass(frozen=True, kw_only=True)
class Operations(Counts):
    """What a network computes: the sum of its layers.

    Attributes:
        uncounted_operators: `{"name", "operator"}` of every operator whose work is not in the figures.
    """

    uncounted_operators: tuple[dict[str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, with the note on the estimate."""
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
        """Add `spikes` that cause so many `operations`, through weights or without."""
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
        """The sum of several."""
        found = LayerSums()
        for layer in layers:
            for name, value in vars(layer).items():
                setattr(found, name, value + getattr(found, name))
        return found

    def mean(self, images: int, times: int, model: EnergyModel) -> dict[str, Any]:
        """The fields of `Counts`, of an image that takes all of it so many times."""
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
