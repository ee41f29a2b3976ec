"""The calibration that fits the budget, chosen by what is known before any work, so that it is the same everywhere."""

from __future__ import annotations

from dataclasses import dataclass, replace

from snnconv.convert.calibration.cost import forward_seconds
from snnconv.convert.calibration.methods import AUTO
from snnconv.convert.calibration.reconstruct import EPOCHS
from snnconv.convert.calibration.settings import CalibrationSettings
from snnconv.model import Model

__all__ = ["Choice", "choose", "estimated_seconds"]

FEWEST_IMAGES = 128  # from which ceilings and biases are learned by gradient; fewer are learned by heart
FEWEST_EPOCHS = 2


@dataclass(frozen=True)
class Choice:
    """A calibration, and why.

    Attributes:
        settings: with a method other than "auto".
        reason: in a sentence; empty where the user chose.
    """

    settings: CalibrationSettings
    reason: str


def estimated_seconds(ann: Model, images: int, epochs: int) -> float:
    """What a reconstruction takes, about, on two cores."""
    return images * forward_seconds(ann) * (2 + epochs)


def choose(settings: CalibrationSettings, ann: Model, images: int, *, real: bool) -> Choice:
    """Settle on a method.

    Args:
        settings: where the user named a method, it stays.
        ann: to be calibrated.
        images: how many there are.
        real: they are the user's, not synthesised.
    """
    if settings.method != AUTO:
        return Choice(settings, "")
    bias = replace(settings, method="bias", reconstruct_weights=False, epochs=None)
    if not real:
        return Choice(bias, "there is no calibration data")
    if images < FEWEST_IMAGES:
        return Choice(bias, f"{images} {ann.input.noun}s are fewer than the {FEWEST_IMAGES} that 'reconstruct' needs")
    wanted = settings.epochs or EPOCHS
    fewest = min(FEWEST_EPOCHS, wanted)
    affordable = (e for e in range(wanted, fewest - 1, -1) if estimated_seconds(ann, images, e) <= settings.budget_s)
    within = next(affordable, None)
    if within is None:
        least = estimated_seconds(ann, images, fewest)
        return Choice(
            bias, f"'reconstruct' would take about {least:.0f} s at least, the budget is {settings.budget_s:.0f} s"
        )
    seconds = estimated_seconds(ann, images, within)
    return Choice(
        replace(settings, method="reconstruct", epochs=within),
        f"its {within} epochs are estimated at {seconds:.0f} s, within the budget of {settings.budget_s:.0f} s",
    )
