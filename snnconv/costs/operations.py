"""Operations of a layer and of a network, and their estimated energy.

Synaptic operations are those that spikes cause: a spike costs one at each place it lands. Spikes are counted in three
ways (snnconv.neurons.spike_counts), each with a price of its own:

| count | a spike of level k | a synaptic operation |
|---|---|---|
| unary | k unit spikes | an addition |
| power-of-two | as many as k has ones among its binary digits; a message of ±2^-j one | an addition with a shift |
| graded | one | a multiply-accumulate of integers |

Figures without the name of a count are unary. Additions are those of real values. Memory is counted as if nothing were
kept in a register:

| access | how often |
|---|---|
| weight read | once a multiply-accumulate or synaptic operation of a linear operator |
| value read | once an operation on real values (activations, or both branches of a sum) |
| value write | once a real value that an operator gives, at every step at which it computes |
| potential read, write | once a synaptic operation, and what an update takes (updates.py) |
| spike write | once a spike fired, in each count |
| spike read | once a spike and operator that takes it, in each count |
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from snnconv.costs.energy import DEFAULT, EnergyModel
from snnconv.neurons.spike_counts import SpikeCount

__all__ = ["Counts", "Estimate", "LayerOperations", "MemoryAccesses", "Operations", "SpikeWork", "ratio"]


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
class SpikeWork:
    """Work that depends on how spikes are counted, in one of the counts, averaged over images.

    Attributes:
        synops_per_image: Synaptic operations.
        memory_accesses: Words read and written, those for real values and updates included.
    """

    synops_per_image: float = 0.0
    memory_accesses: MemoryAccesses = MemoryAccesses()


@dataclass(frozen=True)
class Estimate:
    """The estimated energy of one image in one of the counts, in picojoules.

    Attributes:
        synops_per_image: Synaptic operations of this count.
        energy_pj_per_image: Energy of multiply-accumulates, synaptic operations and additions.
        memory_energy_pj_per_image: Energy of memory accesses; None where there are no prices of memory.
    """

    synops_per_image: float
    energy_pj_per_image: float
    memory_energy_pj_per_image: float | None

    @property
    def energy_with_memory_pj_per_image(self) -> float | None:
        """Return the energy with that of memory accesses; None where there are no prices of memory."""
        memory = self.memory_energy_pj_per_image
        return None if memory is None else self.energy_pj_per_image + memory

    def to_dict(self) -> dict[str, Any]:
        """Return all of it JSON-ready."""
        return asdict(self) | {"energy_with_memory_pj_per_image": self.energy_with_memory_pj_per_image}


def ratio(energy_pj: float | None, plain_pj: float | None) -> float | None:
    """Return an energy as a share of another; None where one is not known, or the other is 0."""
    return energy_pj / plain_pj if energy_pj is not None and plain_pj else None


@dataclass(frozen=True)
class Counts:
    """Operations of one image, averaged over those counted.

    Attributes:
        macs_per_image: Multiply-accumulates; a lone multiplication counts as one.
        synops_per_image: Synaptic operations in the unary count, the additions that unit spikes cause.
        additions_per_image: Additions of real values.
        neuron_updates_per_image: Updates of neurons, one a neuron and time step.
        neuron_additions_per_image: Additions and comparisons of those updates.
        neuron_multiplications_per_image: Multiplications of those updates.
        memory_accesses: Words read and written, in the unary count.
        power_of_two: Work in the power-of-two count; None: that of the unary count.
        graded: Work in the graded count; None: that of the unary count.
        energy_model: Prices of the operations.
    """

    macs_per_image: float = 0.0
    synops_per_image: float = 0.0
    additions_per_image: float = 0.0
    neuron_updates_per_image: float = 0.0
    neuron_additions_per_image: float = 0.0
    neuron_multiplications_per_image: float = 0.0
    memory_accesses: MemoryAccesses = MemoryAccesses()
    power_of_two: SpikeWork | None = None
    graded: SpikeWork | None = None
    energy_model: EnergyModel = DEFAULT

    def estimate(self, count: SpikeCount) -> Estimate:
        """Return the estimated energy in one of the counts."""
        work: SpikeWork | None = None if count is SpikeCount.UNARY else getattr(self, count.value)
        work = work or SpikeWork(self.synops_per_image, self.memory_accesses)
        prices = self.energy_model.operations
        energy_pj = (
            prices.multiply_accumulate.value * self.macs_per_image
            + prices.of_spikes(count) * work.synops_per_image
            + prices.addition.value * self.additions_per_image
        )
        return Estimate(work.synops_per_image, energy_pj, self._memory_pj(work.memory_accesses))

    def _memory_pj(self, accesses: MemoryAccesses) -> float | None:
        prices = self.energy_model.memory
        if prices is None:
            return None
        words = asdict(accesses)
        return float(sum(words[field.name] * getattr(prices, field.name).value for field in fields(prices)))

    @property
    def energy_pj_per_image(self) -> float:
        """Return the estimated energy of MACs, synaptic operations and additions, in picojoules; unary."""
        return self.estimate(SpikeCount.UNARY).energy_pj_per_image

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

        It is that of the unary count, and in no other figure but `energy_with_memory_pj_per_image` of an estimate.
        """
        return self._memory_pj(self.memory_accesses)

    def to_dict(self) -> dict[str, Any]:
        """Return the counts and energies JSON-ready, without the prices."""
        counted = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in ("memory_accesses", "power_of_two", "graded", "energy_model", "uncounted_operators")
        }
        return counted | {
            "energy_pj_per_image": self.energy_pj_per_image,
            "neuron_energy_pj_per_image": self.neuron_energy_pj_per_image,
            "memory_energy_pj_per_image": self.memory_energy_pj_per_image,
            "memory_accesses_per_image": asdict(self.memory_accesses),
            "energy_by_count": {count.value: self.estimate(count).to_dict() for count in SpikeCount},
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
