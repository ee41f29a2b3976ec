"""All numbers that a report shows of one network, ready for JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from snnconv.evaluation import OutputError
from snnconv.reporting.counted_energy import CountedEnergy
from snnconv.reporting.json_values import json_values
from snnconv.reporting.provenance import Provenance
from snnconv.reporting.site_statistics import SiteStatistics

__all__ = ["Curve", "ImageNote", "LayerCost", "Report", "Summary"]


@dataclass(frozen=True)
class Summary:
    """The network and its predictions in a few numbers; shares are in percent, energies in picojoules an image.

    Attributes:
        stage: `ann`, `quantized` or `snn`.
        mode: Way in which the network was run, `Evaluation.mode`.
        precision: Arithmetic of the run, `float32` or `float64`.
        images: Number of images that were classified.
        images_available: Number of images that the data hold.
        outputs: Number of the network's outputs, of which the first is read.
        accuracy: Share of right predictions; None without labels.
        accuracy_standard_error: Binomial standard error of the accuracy, in points.
        against_accuracy: Accuracy of the other network; None without labels or without that network.
        agreement: Share of images with the other network's arg-max; None without that network.
        agreement_standard_error: Binomial standard error of the agreement, in points.
        relative_error: Relative error of the first output beside the other network's, in percent (`OutputError`); None
            without that network.
        correlation: Correlation of the first output with the other network's.
        timesteps: T; None without time.
        levels: L, the most of any site; None without time, and of power-of-two messages.
        total_levels: The least and the most N of any site; None of a plain network, and of power-of-two messages.
        coupling: Coupling of a spiking network, else None.
        code: Code of the messages under differential coupling, else None.
        octaves: K, sizes of a message, where the code is power-of-two; else None.
        unsettled: Share of the units of all sites that have not settled when the window ends, from 0 to 1, as
            `SiteStatistics` has it for each; None under other couplings.
        depth: Number of sites on the longest way through the network.
        latency_steps: Steps until the output is complete: T, or depth times T if layers wait for their windows.
        energy_pj: Estimated energy in the unary count; None where nothing was counted.
        neuron_energy_pj: Energy of neuron updates, no part of `energy_pj`.
        memory_energy_pj: Energy of memory accesses in the unary count, no part of `energy_pj`.
        ann_energy_pj: Energy of the plain network of the same layers; None of a network that does not spike.
        ann_memory_energy_pj: Energy of that network's memory accesses.
        energy_note: Sentences that say which operations the estimate counts.
        counted_images: Number of images on which operations were counted.
        energy_by_count: Energy in the three counts of spikes; nothing of a network that does not spike.
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
    relative_error: float | None
    correlation: float | None
    timesteps: int | None
    levels: int | None
    total_levels: tuple[int, int] | None
    coupling: str | None
    code: str | None
    octaves: int | None
    unsettled: float | None
    depth: int
    latency_steps: int | None
    energy_pj: float | None
    neuron_energy_pj: float | None
    memory_energy_pj: float | None
    ann_energy_pj: float | None
    ann_memory_energy_pj: float | None
    energy_note: str
    counted_images: int
    energy_by_count: tuple[CountedEnergy, ...] = ()


@dataclass(frozen=True)
class Curve:
    """Predictions after each step t = 1..T, from the mean of the first t steps of the output; shares in percent.

    Attributes:
        coupling: `mean`, `causal`, `differential` or `learned`.
        native: True for the network's own coupling, False for the same weights, ceilings and levels under another one;
            `own` in JSON.
        accuracy_at: Share of right predictions after each step; None without labels.
        agreement_at: Share of predictions equal to the other network's; None without that network.
        settled_at: Share of images whose prediction after step t is already the final one and stays it.
        relative_error_at: Relative error of the first output after each step; None without that network.
        note: Sentence about the coupling; the reason where nothing was run.
    """

    coupling: str
    native: bool = field(metadata={"json": "own"})
    accuracy_at: tuple[float, ...] | None
    agreement_at: tuple[float, ...] | None
    settled_at: tuple[float, ...] | None
    relative_error_at: tuple[float, ...] | None
    note: str


@dataclass(frozen=True)
class LayerCost:
    """Operations and estimated energy of one layer for one image, and of the same layer in the plain network.

    A layer that only the plain network has, or only the spiking one, has None in the other's place. The energy of
    neuron updates is not in `energy_pj`, which is that of the unary count of spikes.
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
    power_of_two_energy_pj: float | None = None
    graded_energy_pj: float | None = None


@dataclass(frozen=True)
class ImageNote:
    """One image that a reader should see.

    Attributes:
        index: Place in the data, counted from 0.
        label: The true class, or None.
        prediction: Class that the network names; `own` in JSON.
        other_prediction: Class that the other network names, or None; `other` in JSON.
        settled_at: Step from which the network's prediction stays.
        margin: Lead of the predicted class over the next one, in softmax probability.
    """

    index: int
    label: int | None
    prediction: int = field(metadata={"json": "own"})
    other_prediction: int | None = field(metadata={"json": "other"})
    settled_at: int | None
    margin: float


@dataclass(frozen=True)
class Report:
    """All numbers of the page.

    Attributes:
        title: Name of the network.
        against: Name of the other network, or None.
        summary: The network and its predictions.
        curves: Predictions after each step, the network's own coupling first.
        output_errors: Difference of each output from the other network's; nothing without one.
        sites: The sites in the order of execution.
        site_images: Number of images on which sites were watched.
        layers: The layers in the order of execution.
        uncounted: Operators whose work is in no figure.
        disagreeing: Images that the networks classify differently, the surest predictions first.
        disagreements: Number of all such images; None without another network.
        slowest: Images whose prediction settles last.
        classes: Names of the classes by index, or None.
        provenance: The origin of the numbers.
        noun: Word for one input, `InputSpec.noun`.
        thumbnails: PNG files by index of the image; no part of the JSON.
        site_labels: Names of sites for readers, by the sites' numbers; no part of the JSON.
    """

    title: str
    against: str | None
    summary: Summary
    curves: tuple[Curve, ...]
    output_errors: tuple[OutputError, ...]
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
    thumbnails: dict[int, bytes] = field(default_factory=dict, repr=False, metadata={"json": None})
    site_labels: dict[int, str] = field(default_factory=dict, repr=False, metadata={"json": None})

    def worst_first(self) -> tuple[SiteStatistics, ...]:
        """Return the sites, those that differ most first."""
        return tuple(sorted(self.sites, key=lambda site: (-site.badness, site.number)))

    def label_of(self, site: SiteStatistics) -> str:
        """Return a name of a site that tells it apart from the others and says where it is."""
        return self.site_labels.get(site.number, site.name)

    def to_dict(self) -> dict[str, Any]:
        """Return the report ready for JSON; a number that is not finite is None."""
        values: dict[str, Any] = json_values(self)
        return values
