"""Ceilings and biases as `bias` finds them, and weights corrected in closed form (see `calibration/ridge.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snnconv.convert.calibration.method import METHODS, CalibrationJob, Refined
from snnconv.convert.calibration.methods.bias import CorrectedBias

if TYPE_CHECKING:
    from snnconv.model import QuantizedANN

__all__ = ["Ridge"]


@METHODS.register("ridge")
class Ridge(CorrectedBias):
    """Bias correction, then weights by ridge regression."""

    summary = "the same, then weights in closed form, layer by layer"
    place = 7

    def refine(self, job: CalibrationJob, quantized: QuantizedANN) -> Refined:
        """Return the network after the correction of its weights."""
        from snnconv.convert.calibration.ridge import correct_weights

        by_channel = job.settings.ceilings == "channel"
        model = correct_weights(
            job.ann, quantized, job.batches, rule=self.ceilings, by_channel=by_channel, progress=job.progress
        )
        return Refined(model)
