"""Assignments measured for real: calibrated quickly, their answers compared with the ANN's, their spikes counted."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from snnconv.convert.allocation.report import PrecisionPoint
from snnconv.convert.allocation.sensitivity import Sensitivity, relative_error
from snnconv.convert.calibration import AUTO, METHODS, CalibrationSettings
from snnconv.convert.calibration.methods import Method
from snnconv.convert.calibration.walk import calibrate
from snnconv.costs.activity import measure
from snnconv.errors import SnnconvWarning
from snnconv.model import Model, rows_of

__all__ = ["Meter"]


class Meter:
    """Measures assignments, each of them once.

    Args:
        ann: as `plan.prepare` returns it.
        batches: normalised images `[B, ...]` to calibrate with and to compare answers on.
        counted: images whose spikes are counted.
        found: names the sites, and predicts.
        timesteps: T.
        settings: the method of the calibration; for one that takes long, "bias" stands in.
    """

    def __init__(
        self,
        ann: Model,
        batches: Sequence[Tensor],
        counted: Sequence[Tensor],
        found: Sensitivity,
        timesteps: int,
        settings: CalibrationSettings,
    ) -> None:
        self.ann, self.batches, self.counted, self.found, self.timesteps = ann, batches, counted, found, timesteps
        self.method = self.method_of(settings)
        self.by_channel = settings.ceilings == "channel"
        self.points: dict[tuple[int, ...], PrecisionPoint] = {}
        self.wanted = _logits(ann, batches)

    @staticmethod
    def method_of(settings: CalibrationSettings) -> Method:
        """The method of these settings, or the one that stands in for it."""
        slow = settings.method == AUTO or METHODS[settings.method].reconstruct
        return METHODS["bias" if slow else settings.method]

    def measure(self, choice: Sequence[int]) -> PrecisionPoint:
        """Calibrate an assignment (one place in `SiteChoices.total_levels` a site) and measure it."""
        key = tuple(choice)
        if key not in self.points:
            self.points[key] = self.of(self._calibrated(self.found.levels(key)), self.found.error(key))
        return self.points[key]

    def of(self, quantized: Model, predicted_error: float) -> PrecisionPoint:
        """Measure a network that is calibrated already."""
        logits = _logits(quantized, self.batches)
        activity = measure(quantized.graph, self.counted, timesteps=self.timesteps)
        return PrecisionPoint(
            activity.operations.energy_pj_per_image,
            sum(site.spikes_per_image or 0.0 for site in activity.sites),
            predicted_error,
            relative_error(logits, self.wanted),
            100 * float((logits.argmax(1) == self.wanted.argmax(1)).double().mean()),
            tuple(site.total_levels or 0 for site in activity.sites),
        )

    def _calibrated(self, total_levels: Mapping[str, int]) -> Model:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SnnconvWarning)  # the calibration that is kept says it once
            return calibrate(
                self.ann,
                self.batches,
                total_levels,
                rule=self.method.rule,
                by_channel=self.by_channel,
                correct_bias=self.method.correct_bias,
            )


def _logits(model: Model, batches: Sequence[Tensor]) -> Tensor:
    """`[B, classes]` of all batches."""
    return torch.cat([rows_of(model.logits(batch)) for batch in batches])
