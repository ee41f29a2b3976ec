"""What an evaluation found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from snnconv.costs.energy import ENERGY_NOTE
from snnconv.costs.operations import LayerOperations, Operations
from snnconv.costs.site_activity import SiteActivity
from snnconv.evaluation.differences import OutputError

__all__ = ["Evaluation", "Mode"]

Mode = Literal["ann", "quantized", "collapsed", "simulated"]


@dataclass(frozen=True)
class Evaluation:
    """Accuracy, agreement, activity and estimated energy of one network on one data set.

    Attributes:
        mode: how it was computed. `collapsed`: a mean-coupled spiking network in one pass, as the quantized
            network that it equals; `simulated`: step by step.
        precision: float32, float64 or 8-bit integers, of the arithmetic.
        arithmetic: of the classification: the precision, or that spikes were computed as integers, and with how many
            bits of the weights (snnconv.runtime.integers).
        backend: torch, onnxruntime, or onnxruntime-int8: what classified the images.
        images: how many were evaluated.
        accuracy: percent; None without labels, and where the output names no classes.
        accuracy_standard_error: binomial, in percentage points; None without labels.
        agreement: percent of images with the same arg-max as the other network; None without one, and where the output
            names no classes.
        against_accuracy: the other network's accuracy in percent; None without labels or without one.
        timesteps: T of a spiking network, else None.
        levels: L of a spiking network, the most of any site; else None.
        total_levels: N, of a spiking network L*T, where all sites have the same; else None.
        total_levels_range: the least and the most N of any site; None of a plain network.
        coupling: of a spiking network, else None.
        accuracy_at: accuracy in percent of the mean of the first t steps, for t = 1..T; None without labels,
            and where nothing steps: a collapsed evaluation knows time means only, not what a neuron fires at
            which step.
        agreement_at: the same for agreement with the other network's final answer.
        sites: activity of each site, over `activity_images` images.
        operations: operations and energy, over `activity_images` images; None where none were counted.
        layers: operations and energy of each node, in the order of execution, whose sum `operations` is.
        activity_images: how many images were counted.
        output_errors: difference of each output from the other network's, where there are several, or the only one
            names no classes.
        right: whether each image's class is its label's; None without labels.
        agreeing: whether each image's class is the other network's; None without one.
    """

    mode: Mode
    precision: str
    arithmetic: str
    backend: str
    images: int
    accuracy: float | None
    accuracy_standard_error: float | None
    agreement: float | None
    against_accuracy: float | None
    timesteps: int | None
    levels: int | None
    total_levels: int | None
    total_levels_range: tuple[int, int] | None
    coupling: str | None
    accuracy_at: tuple[float, ...] | None
    agreement_at: tuple[float, ...] | None
    sites: tuple[SiteActivity, ...]
    operations: Operations | None
    layers: tuple[LayerOperations, ...]
    activity_images: int
    output_errors: tuple[OutputError, ...] = ()
    right: tuple[bool, ...] | None = field(default=None, compare=False, repr=False)
    agreeing: tuple[bool, ...] | None = field(default=None, compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; the figures of `operations` stand beside the others, `output_errors` where there are any."""
        errors = {"output_errors": [error.to_dict() for error in self.output_errors]} if self.output_errors else {}
        return errors | {
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
            "accuracy_at": None if self.accuracy_at is None else list(self.accuracy_at),
            "agreement_at": None if self.agreement_at is None else list(self.agreement_at),
            "sites": [site.to_dict() for site in self.sites],
            "activity_images": self.activity_images,
            **self._costs(),
            "layers": [{"name": layer.name, "operator": layer.operator, **layer.to_dict()} for layer in self.layers],
        }

    def _costs(self) -> dict[str, Any]:
        """What `Operations.to_dict` has; None of each where nothing was counted."""
        if self.operations is not None:
            return self.operations.to_dict()
        return dict.fromkeys(Operations().to_dict()) | {"energy_note": ENERGY_NOTE, "uncounted_operators": []}
