"""Assignments measured for real: calibrated quickly, their outputs compared with the ANN's, their spikes counted."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from snnconv.convert.allocation.report import PrecisionPoint
from snnconv.convert.allocation.sensitivity import Sensitivity, relative_error
from snnconv.convert.calibration.method import METHODS
from snnconv.convert.calibration.settings import CalibrationSettings
from snnconv.convert.calibration.walk import calibrate
from snnconv.costs.activity import measure
from snnconv.errors import SnnconvWarning
from snnconv.model import Model, class_count, rows_of
from snnconv.runtime.runnable import shapes_of

__all__ = ["Meter"]


class Meter:
    """Measures assignments, each of them once.

    Args:
        ann: Network as `plan.prepare` returns it.
        batches: Normalised images, `[B, ...]` each, to calibrate with and to compare outputs on.
        counted: Images whose spikes are counted.
        predictions: Predicted error and energy of every site, which also names the sites.
        timesteps: T.
        settings: Settings of the final calibration; only its ceilings and biases are found here, which is quick.
    """

    def __init__(
        self,
        ann: Model,
        batches: Sequence[Tensor],
        counted: Sequence[Tensor],
        predictions: Sensitivity,
        timesteps: int,
        settings: CalibrationSettings,
    ) -> None:
        self.ann, self.batches, self.counted, self.timesteps = ann, batches, counted, timesteps
        self.predictions = predictions
        self.method = METHODS[settings.method]
        self.by_channel = settings.ceilings == "channel"
        self.points: dict[tuple[int, ...], PrecisionPoint] = {}
        self.logits = _logits(ann, batches)

    def measure(self, choice: Sequence[int]) -> PrecisionPoint:
        """Calibrate an assignment (one place in `SiteChoices.total_levels` a site) and measure it."""
        key = tuple(choice)
        if key not in self.points:
            quantized = self._calibrated(self.predictions.levels(key))
            self.points[key] = self.of(quantized, self.predictions.error(key))
        return self.points[key]

    def of(self, quantized: Model, predicted_error: float) -> PrecisionPoint:
        """Measure a network that is calibrated already."""
        logits = _logits(quantized, self.batches)
        activity = measure(quantized.graph, self.counted, timesteps=self.timesteps)
        return PrecisionPoint(
            activity.operations.energy_pj_per_image,
            sum(site.spikes_per_image or 0.0 for site in activity.sites),
            predicted_error,
            relative_error(logits, self.logits),
            self._agreement(logits),
            tuple(site.total_levels or 0 for site in activity.sites),
        )

    def _agreement(self, logits: Tensor) -> float | None:
        """Return the percentage of the images with the ANN's arg-max; None where the output names no classes."""
        if class_count(shapes_of(self.ann)[0]) is None:
            return None
        return 100 * float((logits.argmax(1) == self.logits.argmax(1)).double().mean())

    def _calibrated(self, total_levels: Mapping[str, int]) -> Model:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SnnconvWarning)  # the final calibration says it once
            return calibrate(
                self.ann,
                self.batches,
                total_levels,
                rule=self.method.ceilings,
                by_channel=self.by_channel,
                correct_bias=self.method.correct_bias,
            )


def _logits(model: Model, batches: Sequence[Tensor]) -> Tensor:
    """Return the logits of all batches, `[B, classes]`."""
    return torch.cat([rows_of(model.logits(batch)) for batch in batches])
