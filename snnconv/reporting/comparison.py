"""The numbers of several networks on the same data: scores, costs and latencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from snnconv.neurons.spike_counts import SpikeCount
from snnconv.reporting.counted_energy import CountedEnergy
from snnconv.reporting.json_values import json_values
from snnconv.reporting.provenance import Provenance

__all__ = ["Comparison", "Contender", "Lead", "Reference"]


@dataclass(frozen=True)
class Contender:
    """One network at one setting. Shares are in percent, energies in picojoules an image.

    Attributes:
        number: Place in the comparison, counted from 1; pictures name the network by it.
        name: Name of the network's file.
        sha256: SHA-256 of that file, or None without a file.
        stage: `ann`, `quantized` or `snn`.
        mode: Way in which the network was run, `Evaluation.mode`.
        timesteps: T; None without time.
        levels: L, the most of any site; None without time, and of power-of-two messages.
        total_levels: The least and the most N of any site; None of a plain network, and of power-of-two messages.
        coupling: Coupling of a spiking network, else None.
        code: Code of the messages under differential coupling, else None.
        octaves: K, sizes of a message, where the code is power-of-two; else None.
        depth: Number of sites on the longest way through the network.
        latency_steps: Steps until the output is complete: T, or depth times T if layers wait; None without time.
        accuracy: Share of right predictions; None without labels.
        accuracy_standard_error: Binomial standard error of the accuracy, in points.
        agreement: Share of images with the reference's arg-max; None without a reference.
        agreement_standard_error: Binomial standard error of the agreement, in points.
        relative_error: Relative error of the first output beside the reference's, in percent (`OutputError`); None
            without a reference.
        correlation: Correlation of the first output with the reference's.
        energy_pj: Estimated energy in the comparison's count of spikes, or None where nothing was counted.
        on_energy_front: True if no other network scores as high for as little energy.
        on_latency_front: True if no other network scores as high as early; False of a network without time.
        score_at: The figure that networks are ranked by, after each step t = 1..T of a network whose layers do not
            wait, so that it can be read then; else None.
        note: Words on the setting that a reader should know, or nothing.
        energy_by_count: Energy in the three counts of spikes; nothing where nothing was counted.
    """

    number: int
    name: str
    sha256: str | None
    stage: str
    mode: str
    timesteps: int | None
    levels: int | None
    total_levels: tuple[int, int] | None
    coupling: str | None
    code: str | None
    octaves: int | None
    depth: int
    latency_steps: int | None
    accuracy: float | None
    accuracy_standard_error: float | None
    agreement: float | None
    agreement_standard_error: float | None
    relative_error: float | None
    correlation: float | None
    energy_pj: float | None
    on_energy_front: bool
    on_latency_front: bool
    score_at: tuple[float, ...] | None
    note: str
    energy_by_count: tuple[CountedEnergy, ...] = ()

    def score(self, name: str) -> float:
        """Return the figure that networks are ranked by, by its name."""
        value: float | None = getattr(self, name)
        assert value is not None
        return value

    def merit(self, name: str) -> float:
        """Return that figure so that more is better: an error with its sign changed."""
        return -self.score(name) if name == "relative_error" else self.score(name)


@dataclass(frozen=True)
class Reference:
    """The network that all are compared with.

    Attributes:
        name: Name of its file.
        accuracy: Accuracy in percent; None without labels.
        energy_pj: Estimated energy of an image; of a network that spikes in the comparison's count of spikes.
        energy_with_memory_pj: Energy with memory accesses; None where these have no prices.
    """

    name: str
    accuracy: float | None
    energy_pj: float
    energy_with_memory_pj: float | None = None


@dataclass(frozen=True)
class Lead:
    """Distance of the best network from the next one, on the same images.

    Attributes:
        best: Number of the network with the highest score; among equals the first.
        next: Number of the network after it.
        points: Lead of the best network, in points.
        standard_error: Standard error of the difference, paired (McNemar), in points; None of relative errors.
    """

    best: int
    next: int
    points: float
    standard_error: float | None

    @property
    def clear(self) -> bool:
        """Return whether the difference is more than chance gives: above two standard errors, where one is known."""
        return self.points > 2 * (self.standard_error or 0.0)


@dataclass(frozen=True)
class Comparison:
    """All numbers of the page.

    Attributes:
        score: Figure by which networks are ranked: `accuracy`, `agreement` where the data have no labels, or
            `relative_error`, of which less is better, where the first output names no classes.
        contenders: The networks, in the order in which they were named.
        reference: The network they are compared with, or None.
        images: Number of images that were classified.
        counted_images: Number of images on which operations were counted.
        energy_note: Sentences that say which operations the estimate counts.
        provenance: The origin of the data and the reference; each contender names its own file.
        lead: Distance of the best network from the next one; None of one network.
        noun: Word for one input, `InputSpec.noun`.
        spike_count: Count of spikes that `energy_pj` and the energy front are in.
    """

    score: str
    contenders: tuple[Contender, ...]
    reference: Reference | None
    images: int
    counted_images: int
    energy_note: str
    provenance: Provenance
    lead: Lead | None = None
    noun: str = "image"
    spike_count: SpikeCount = SpikeCount.UNARY

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison ready for JSON; a number that is not finite is None."""
        values: dict[str, Any] = json_values(self)
        return values
