"""What a report says of one network: numbers only, ready for JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from snnconv.reporting.histogram import Histogram
from snnconv.reporting.provenance import Provenance, finite

__all__ = ["Curve", "ImageNote", "LayerCost", "Report", "SiteStatistics", "Summary"]


@dataclass(frozen=True)
class Summary:
    """The network and its answers in a few numbers; shares are in percent, energies in picojoules an image.

    Attributes:
        stage: ann, quantized or snn.
        mode: how its answers were computed, as in `Evaluation`.
        precision: of the arithmetic.
        images: how many were classified.
        images_available: how many the data hold.
        outputs: how many the network has; the first is read.
        accuracy: None without labels.
        accuracy_standard_error: binomial, in points.
        against_accuracy: of the other network; None without labels or without one.
        agreement: images with the other network's arg-max; None without one.
        agreement_standard_error: binomial, in points.
        timesteps: T, else None.
        levels: L, the most of any site; else None.
        total_levels: the least and the most N of any site; None of a plain network.
        coupling: of a spiking network.
        depth: sites on the longest way through the network.
        latency_steps: steps until the answer is out: T, and where layers wait for their windows depth times T.
        energy_pj: estimated; None where nothing was counted.
        neuron_energy_pj: of neuron updates, beside it.
        memory_energy_pj: of memory accesses, beside it.
        ann_energy_pj: of the plain network of the same layers; None of one that does not spike.
        ann_memory_energy_pj: of its memory accesses.
        energy_note: what the estimate takes in and leaves out.
        counted_images: how many images energy was counted on.
    """

    stage: str
    mode: str
    precision: str
    images: int
    images_available: int
    outputs: int
    accuracy: float | None
    accuracy_standard_error: float | None
    against_accuracy: float | None
    agreement: float | None
    agreement_standard_error: float | None
    timesteps: int | None
    levels: int | None
    total_levels: tuple[int, int] | None
    coupling: str | None
    depth: int
    latency_steps: int | None
    energy_pj: float | None
    neuron_energy_pj: float | None
    memory_energy_pj: float | None
    ann_energy_pj: float | None
    ann_memory_energy_pj: float | None
    energy_note: str
    counted_images: int


@dataclass(frozen=True)
class Curve:
    """Answers after each step t = 1..T, of the mean of the first t steps of the output; in percent.

    Attributes:
        coupling: mean, causal or learned.
        own: it is the network's own; else the same weights, ceilings and levels with other coupling.
        accuracy_at: None without labels.
        agreement_at: with the other network; None without one.
        settled_at: images whose answer after step t is the last one's, and stays it.
        note: what is to be known of it; where nothing was run, why.
    """

    coupling: str
    own: bool
    accuracy_at: tuple[float, ...] | None
    agreement_at: tuple[float, ...] | None
    settled_at: tuple[float, ...] | None
    note: str


@dataclass(frozen=True)
class SiteStatistics:
    """What one site does. None stands for what its kind has not, or what nothing was there to compare with.

    Attributes:
        number: its place in the order of execution, from 1.
        name: of its node in the file.
        neurons: how many there are.
        levels: L of neurons.
        total_levels: N.
        signed: whether it fires levels of both signs.
        ceilings: how many λ there are.
        ceiling_min: the lowest.
        ceiling_max: the highest.
        firing_rate: unit spikes a neuron and step.
        silent: share of neurons that stay at 0 for an image.
        saturated: share that fire all their levels for an image.
        fired: levels that one step fires; of a quantized network the levels themselves.
        potentials: membrane potential before firing in units of θ, shifted so that level k begins at k - 1/2.
        potential_levels: highest spike value among those potentials.
        potential_loss: mean squared distance of potentials to the nearest spike value (RMP-Loss).
        clipping: what lies above the ceiling, as a share of the mean activation.
        quantization: what is lost between the levels.
        unevenness: what differs from the quantized activation of the site's own mean current: spikes that come unevenly
            and, where there are any, leak, reset and learned coupling.
        correlation: Pearson's, of time mean and the ANN's activation, over units and images.
        ann_error: squared difference of the two as a share of the ANN's squared activation.
    """

    number: int
    name: str
    neurons: int
    levels: int | None
    total_levels: int | None
    signed: bool
    ceilings: int
    ceiling_min: float | None
    ceiling_max: float | None
    firing_rate: float | None
    silent: float
    saturated: float | None
    fired: Histogram | None
    potentials: Histogram | None
    potential_levels: int | None
    potential_loss: float | None
    clipping: float | None
    quantization: float | None
    unevenness: float | None
    correlation: float | None
    ann_error: float | None

    @property
    def error(self) -> float | None:
        """All three errors together."""
        parts = (self.clipping, self.quantization, self.unevenness)
        known = [part for part in parts if part is not None]
        return sum(known) if known else None

    @property
    def badness(self) -> float:
        """What sites are ordered by: the difference from the ANN where it is known, else the three errors."""
        return self.ann_error if self.ann_error is not None else self.error or 0.0


@dataclass(frozen=True)
class LayerCost:
    """Operations and estimated energy of one layer for one image, and of the same layer in the plain network.

    A layer that only the plain network has, or only the spiking one, has None in the other's place. The energy of
    neuron updates is not in `energy_pj`.
    """

    name: str
    operator: str
    macs: float | None
    synops: float | None
    additions: float | None
    neuron_updates: float | None
    energy_pj: float | None
    neuron_energy_pj: float | None
    ann_energy_pj: float | None


@dataclass(frozen=True)
class ImageNote:
    """One image that a reader should see.

    Attributes:
        index: in the data, from 0.
        label: class, or None.
        own: the class that the network names.
        other: the class that the other network names, or None.
        settled_at: the step from which the network's answer stays.
        margin: by how much its class leads the next, in softmax probability.
    """

    index: int
    label: int | None
    own: int
    other: int | None
    settled_at: int | None
    margin: float


@dataclass(frozen=True)
class Report:
    """All numbers of the page.

    Attributes:
        title: what the network is called.
        against: what the other network is called, or None.
        summary: the network and its answers.
        curves: the network's own coupling first.
        sites: in the order of execution.
        site_images: how many images their numbers are of.
        layers: in the order of execution.
        uncounted: operators whose work is in no figure.
        disagreeing: images that the networks answer differently, the surest first.
        disagreements: how many there are in all; None without another network.
        slowest: images whose answer settles last.
        classes: names by index, or None.
        provenance: what was used, and how.
        noun: word for one input, `InputSpec.noun`.
        thumbnails: PNG files by index of the image; no part of the numbers.
    """

    title: str
    against: str | None
    summary: Summary
    curves: tuple[Curve, ...]
    sites: tuple[SiteStatistics, ...]
    site_images: int
    layers: tuple[LayerCost, ...]
    uncounted: tuple[dict[str, str], ...]
    disagreeing: tuple[ImageNote, ...]
    disagreements: int | None
    slowest: tuple[ImageNote, ...]
    classes: tuple[str, ...] | None
    provenance: Provenance
    noun: str = "image"
    thumbnails: dict[int, bytes] = field(default_factory=dict, repr=False)

    def worst_first(self) -> tuple[SiteStatistics, ...]:
        """The sites by how far they are off."""
        return tuple(sorted(self.sites, key=lambda site: (-site.badness, site.number)))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; a number that is not finite is None."""
        values = asdict(self)
        del values["thumbnails"]
        ready: dict[str, Any] = finite(values)
        return ready
