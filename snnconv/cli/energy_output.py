"""Operations and energy of an evaluation, printed: every figure with the count of spikes that it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snnconv.cli.output import print_table

if TYPE_CHECKING:
    from snnconv.evaluation import Evaluation

__all__ = ["cost_rows", "print_energy"]

Row = tuple[str, object]


def cost_rows(result: Evaluation, noun: str) -> list[Row]:
    """Return the rows that tell operations and energy in the unary count; none where they were not counted."""
    operations = result.operations
    if operations is None:
        return []
    unary = "" if result.timesteps is None else ", unary"
    rows: list[Row] = [
        (f"synaptic operations per {noun}{unary}", f"{operations.synops_per_image:,.0f}"),
        (f"multiply-accumulates per {noun}", f"{operations.macs_per_image:,.0f}"),
        (f"estimated energy per {noun}{unary}", _energy(operations.energy_pj_per_image)),
    ]
    for part, energy_pj in (
        ("neuron updates", operations.neuron_energy_pj_per_image),
        ("memory accesses", operations.memory_energy_pj_per_image),
    ):
        if energy_pj:
            count = unary if part == "memory accesses" else ""
            rows.append((f"{part}, not included above{count}", _energy(energy_pj)))
    return rows


def print_energy(result: Evaluation, plain: str, noun: str) -> None:
    """Print the energy in each count of spikes, with and without memory accesses, beside a plain network's.

    Nothing is printed of a network that does not spike and is compared with none.

    Args:
        result: Evaluation of a network.
        plain: Words for the plain network.
        noun: Word for one input.
    """
    if result.operations is None or (result.timesteps is None and result.ann_operations is None):
        return
    shares = "" if result.ann_operations is None else f"; shares are of {plain}'s"
    print_table(
        f"Estimated energy per {noun}, by the way that spikes are counted{shares}",
        ("count", "synaptic operations", "energy", "share", "with memory accesses", "share"),
        [*_spiking_rows(result), *_plain_rows(result, plain)],
    )


def _spiking_rows(result: Evaluation) -> list[tuple[object, ...]]:
    """Return a row for each count; one row of a network that does not spike."""
    from snnconv.neurons.spike_counts import SpikeCount

    assert result.operations is not None
    shares = result.energy_over_ann()
    spikes = result.timesteps is not None
    rows: list[tuple[object, ...]] = []
    for count in SpikeCount if spikes else (SpikeCount.UNARY,):
        estimate = result.operations.estimate(count)
        share = {} if shares is None else shares[count.value]
        rows.append(
            (
                count.label if spikes else "this network",
                f"{estimate.synops_per_image:,.0f}",
                _energy(estimate.energy_pj_per_image),
                _share(share.get("energy")),
                _energy(estimate.energy_with_memory_pj_per_image),
                _share(share.get("energy_with_memory")),
            )
        )
    return rows


def _plain_rows(result: Evaluation, plain: str) -> list[tuple[object, ...]]:
    """Return the row of the plain network; none where there is none."""
    from snnconv.neurons.spike_counts import SpikeCount

    if result.ann_operations is None:
        return []
    estimate = result.ann_operations.estimate(SpikeCount.UNARY)
    with_memory = _energy(estimate.energy_with_memory_pj_per_image)
    return [(plain, None, _energy(estimate.energy_pj_per_image), None, with_memory, None)]


def _energy(energy_pj: float | None) -> str | None:
    return None if energy_pj is None else f"{energy_pj / 1e6:.4g} µJ"


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"
