"""Energy of an image in each of the ways to count spikes, as reports and comparisons show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snnconv.costs.operations import Operations, ratio
from snnconv.neurons.spike_counts import SpikeCount
from snnconv.reporting.formatting import energy, number

__all__ = ["COUNT_CAPTION", "COUNT_HEADS", "CountedEnergy", "count_cells", "counted_energy"]

SHARE = "of the plain network's"
COUNT_HEADS = ["synaptic operations", "energy", SHARE, "with memory accesses", SHARE]
COUNT_CAPTION = (
    "Unary: a spike of level k is k additions. Power-of-two: one addition with a shift for each power of two in it. "
    "Graded: one multiply-accumulate of integers."
)


@dataclass(frozen=True)
class CountedEnergy:
    """Energy of an image in one count of spikes, in picojoules.

    Attributes:
        count: `unary`, `power_of_two` or `graded`.
        synops: Synaptic operations.
        energy_pj: Estimated energy without memory accesses.
        energy_with_memory_pj: Estimated energy with memory accesses; None where these have no prices.
        of_plain: Energy as a share of the plain network's; None without one.
        of_plain_with_memory: Share with memory accesses.
    """

    count: str
    synops: float
    energy_pj: float
    energy_with_memory_pj: float | None
    of_plain: float | None
    of_plain_with_memory: float | None


def counted_energy(operations: Operations | None, plain: Operations | None) -> tuple[CountedEnergy, ...]:
    """Return the energy in the three counts; nothing where no operations were counted.

    Args:
        operations: Operations of a network.
        plain: Operations of the plain network beside it, or None.
    """
    if operations is None:
        return ()
    plain_pj = plain_with_memory_pj = None
    if plain is not None:
        beside = plain.estimate(SpikeCount.UNARY)
        plain_pj, plain_with_memory_pj = beside.energy_pj_per_image, beside.energy_with_memory_pj_per_image
    energies = []
    for count in SpikeCount:
        estimate = operations.estimate(count)
        energy_pj, with_memory_pj = estimate.energy_pj_per_image, estimate.energy_with_memory_pj_per_image
        shares = ratio(energy_pj, plain_pj), ratio(with_memory_pj, plain_with_memory_pj)
        energies.append(CountedEnergy(count.value, estimate.synops_per_image, energy_pj, with_memory_pj, *shares))
    return tuple(energies)


def count_cells(name: str, energies: Sequence[CountedEnergy]) -> list[list[str | None]]:
    """Return a row of a table for each count, under `COUNT_HEADS`.

    Args:
        name: Words before the count's name, or nothing.
        energies: Energies of one network.
    """
    return [
        [
            f"{name}{SpikeCount(counted.count).label}",
            number(counted.synops),
            energy(counted.energy_pj),
            None if counted.of_plain is None else f"{counted.of_plain:.3f}",
            energy(counted.energy_with_memory_pj),
            None if counted.of_plain_with_memory is None else f"{counted.of_plain_with_memory:.3f}",
        ]
        for counted in energies
    ]
