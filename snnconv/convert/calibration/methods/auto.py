"""The calibration that fits the budget, chosen by what is known before any work, so that it is the same everywhere."""

from __future__ import annotations

from dataclasses import replace

from snnconv.convert.calibration.method import AUTO, METHODS, CalibrationJob, MethodChoice
from snnconv.convert.calibration.methods.bias import CorrectedBias

__all__ = ["FEWEST_IMAGES", "Automatic"]

FEWEST_IMAGES = 128  # from which ceilings and biases are learned by gradient; fewer are learned by heart
FEWEST_EPOCHS = 2


@METHODS.register(AUTO)
class Automatic(CorrectedBias):
    """Ridge regression in transformers, else reconstruction where it fits the budget, else bias correction."""

    summary = "ridge in networks with norms or attention, else reconstruct where the budget allows, else bias"
    place = 0
    options = frozenset({"reconstruct_weights", "epochs", "budget_s"})

    def choose(self, job: CalibrationJob) -> MethodChoice:
        """Return the settings of one of the three methods, and why that one."""
        from snnconv.convert.calibration.cost import estimated_seconds
        from snnconv.convert.calibration.reconstruct import EPOCHS
        from snnconv.spiking.signals import reads_signals

        settings, ann, images = job.settings, job.ann, sum(map(len, job.batches))
        bias = replace(settings, method="bias", reconstruct_weights=False, epochs=None)
        if not job.real:
            return MethodChoice(bias, "there is no calibration data")
        if reads_signals(ann.graph) and not settings.reconstruct_weights and settings.epochs is None:
            return MethodChoice(
                replace(bias, method="ridge"),
                "neurons fire norms or attention, where weights in closed form take away most of the error",
            )
        if images < FEWEST_IMAGES:
            return MethodChoice(
                bias, f"{images} {ann.input.noun}s are fewer than the {FEWEST_IMAGES} that 'reconstruct' needs"
            )
        most = settings.epochs or EPOCHS
        fewest = min(FEWEST_EPOCHS, most)
        budget = settings.budget_s
        affordable = (e for e in range(most, fewest - 1, -1) if estimated_seconds(ann, images, e) <= budget)
        if (epochs := next(affordable, None)) is None:
            least = estimated_seconds(ann, images, fewest)
            return MethodChoice(
                bias, f"'reconstruct' would take about {least:.0f} s at least, the budget is {budget:.0f} s"
            )
        seconds = estimated_seconds(ann, images, epochs)
        return MethodChoice(
            replace(settings, method="reconstruct", epochs=epochs),
            f"its {epochs} epochs are estimated at {seconds:.0f} s, within the budget of {budget:.0f} s",
        )
