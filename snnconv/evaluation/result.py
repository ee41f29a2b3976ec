"""The result of an evaluation: how a network was run, its score, its activity and its cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from snnconv.costs.energy import ENERGY_NOTE
from snnconv.costs.operations import LayerOperations, Operations, ratio
from snnconv.costs.site_activity import SiteActivity
from snnconv.evaluation.score import Score
from snnconv.evaluation.unsettled import UnsettledUnits
from snnconv.neurons.spike_counts import SpikeCount

__all__ = ["Evaluation", "Mode"]

Mode = Literal["ann", "quantized", "collapsed", "simulated"]


@dataclass(frozen=True, kw_only=True)
class Evaluation(Score):
    """Accuracy, agreement, activity and estimated energy of one network on one data set.

    Attributes:
        mode: Way of running. `collapsed`: a mean-coupled spiking network in one pass, as the quantized network that it
            equals; `simulated`: step by step.
        precision: Dtype of the arithmetic: float32, float64 or 8-bit integers.
        arithmetic: Arithmetic of the classification: the dtype, or that spikes were computed as integers, and with how
            many bits of the weights (snnconv.runtime.integers).
        backend: torch, onnxruntime, or onnxruntime-int8, which classified the images.
        timesteps: T of a spiking network, else None.
        levels: L of a spiking network, the most of any site; None of any other, and of power-of-two messages.
        total_levels: N, of a spiking network L*T, where all sites have the same; else None.
        total_levels_range: Least and most N of any site; None of a plain network.
        coupling: Coupling of a spiking network, else None.
        code: Code of the messages under differential coupling, else None.
        octaves: K, sizes of a message, the most of any site, where the code is power-of-two; else None.
        unsettled: Units that have not settled when the window ends, over `activity_images` images; None of a network
            that takes nothing back.
        sites: Activity of each site, over `activity_images` images.
        operations: Operations and energy, over `activity_images` images; None where none were counted.
        layers: Operations and energy of each node, in the order of execution, whose sum `operations` is.
        activity_images: Number of images that were counted.
        ann_operations: Operations of the plain network beside it: of the reference, or of the spiking network's own
            layers (`compared_energy`); None where there is none, or nothing was counted.
    """

    mode: Mode
    precision: str
    arithmetic: str
    backend: str
    timesteps: int | None
    levels: int | None
    total_levels: int | None
    total_levels_range: tuple[int, int] | None
    coupling: str | None
    code: str | None = None
    octaves: int | None = None
    unsettled: UnsettledUnits | None = None
    sites: tuple[SiteActivity, ...] = ()
    operations: Operations | None = None
    layers: tuple[LayerOperations, ...] = ()
    activity_images: int = 0
    ann_operations: Operations | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return all of it JSON-ready.

        The figures of `operations` stand beside the others, `output_errors` and `metrics` where there are any.
        """
        return (
            self._errors()
            | self._metrics()
            | {
                "mode": self.mode,
                "precision": self.precision,
                "arithmetic": self.arithmetic,
                "backend": self.backend,
                "images": self.images,
                "accuracy": self.accuracy,
                "accuracy_standard_error": self.accuracy_standard_error,
                "agreement": self.agreement,
                "against_accuracy": self.against_accuracy,
                "timesteps": self.timesteps,
                "levels": self.levels,
                "total_levels": self.total_levels,
                "total_levels_range": self.total_levels_range and list(self.total_levels_range),
                "coupling": self.coupling,
                "code": self.code,
                "octaves": self.octaves,
                "accuracy_at": None if self.accuracy_at is None else list(self.accuracy_at),
                "agreement_at": None if self.agreement_at is None else list(self.agreement_at),
                "stopping": None if self.stopping is None else self.stopping.to_dict(),
                "unsettled": None if self.unsettled is None else self.unsettled.to_dict(),
                "sites": [site.to_dict() for site in self.sites],
                "activity_images": self.activity_images,
                **self._costs(),
                "ann_energy": None if self.ann_operations is None else self._ann_energy(self.ann_operations),
                "energy_over_ann": self.energy_over_ann(),
                "layers": [
                    {"name": layer.name, "operator": layer.operator, **layer.to_dict()} for layer in self.layers
                ],
            }
        )

    def energy_over_ann(self) -> dict[str, dict[str, float | None]] | None:
        """Return the energy as a share of the plain network's, by the count of spikes.

        Returns:
            `energy` and `energy_with_memory` of each count; None where there is no plain network, or nothing to divide.
        """
        if self.operations is None or self.ann_operations is None:
            return None
        plain = self.ann_operations.estimate(SpikeCount.UNARY)
        estimates = {count.value: self.operations.estimate(count) for count in SpikeCount}
        return {
            name: {
                "energy": ratio(estimate.energy_pj_per_image, plain.energy_pj_per_image),
                "energy_with_memory": ratio(
                    estimate.energy_with_memory_pj_per_image, plain.energy_with_memory_pj_per_image
                ),
            }
            for name, estimate in estimates.items()
        }

    @staticmethod
    def _ann_energy(operations: Operations) -> dict[str, Any]:
        """Return the energy of the plain network, which no spike is in."""
        energy = operations.estimate(SpikeCount.UNARY).to_dict()
        return {name: energy[name] for name in energy if name != "synops_per_image"}

    def _costs(self) -> dict[str, Any]:
        """Return the figures of `Operations.to_dict`; None for each of them where nothing was counted."""
        if self.operations is not None:
            return self.operations.to_dict()
        return dict.fromkeys(Operations().to_dict()) | {"energy_note": ENERGY_NOTE, "uncounted_operators": []}
