"""Checks that images are fit to calibrate with: warnings, with the numbers that show what is wrong."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from snnconv.convert.calibration.batches import evenly
from snnconv.errors import SnnconvWarning
from snnconv.model import Model, rows_of

__all__ = ["check_images"]

FEWEST = 16  # images, below which a calibration set is called small
ASKED = 128  # images that the network predicts
ONE_CLASS, SURE = 95.0, 90.0  # percent of the images with one arg-max; of mean confidence
UNIT_MEAN, UNIT_STD = 1.5, (0.25, 4.0)  # of normalised pixels: what lies outside was hardly normalised as in training


@torch.no_grad()
def check_images(ann: Model, batches: Sequence[Tensor]) -> None:
    """Warn of images that calibrate badly.

    Args:
        ann: Network that is calibrated.
        batches: The user's images, normalised, `[B, ...]` each.

    Warns:
        SnnconvWarning: Very few images; all the same; pixels far from zero mean and unit deviation; or one prediction
            for all.
    """
    count = sum(map(len, batches))
    noun = ann.input.noun
    faults = [*_count_faults(batches, count, noun), *_pixel_faults(ann, batches), *_one_class(ann, batches, count)]
    if faults:
        warnings.warn(f"The calibration {noun}s: {'; '.join(faults)}.", SnnconvWarning, stacklevel=4)


def _count_faults(batches: Sequence[Tensor], count: int, noun: str) -> list[str]:
    faults = []
    if count < FEWEST:
        faults.append(f"there are {count} {noun}s only: give {FEWEST} or more, better hundreds")
    first = batches[0][:1]
    if count > 1 and max(float((batch - first).abs().max()) for batch in batches) == 0:
        faults.append(f"all {noun}s are the same: ceilings will fit that one {noun} only")
    return faults


def _pixel_faults(ann: Model, batches: Sequence[Tensor]) -> list[str]:
    total = sum(batch.numel() for batch in batches)
    mean = sum(float(batch.double().sum()) for batch in batches) / total
    square = sum(float(batch.double().square().sum()) for batch in batches) / total
    deviation = max(square - mean**2, 0.0) ** 0.5
    if deviation == 0:
        number = "pixel" if ann.input.noun == "image" else "number"
        return [f"every {number} is {mean:.4g}: these are no {ann.input.noun}s"]
    if _states_normalisation(ann) and not (abs(mean) <= UNIT_MEAN and UNIT_STD[0] <= deviation <= UNIT_STD[1]):
        return [
            f"normalised pixels have mean {mean:.3g} and standard deviation {deviation:.3g}, about 0 and 1 are usual: "
            "check --mean and --std, and whether pixels are in 0..1"
        ]
    return []


def _states_normalisation(ann: Model) -> bool:
    """Return whether the network says how its pixels are normalised to about zero mean and unit deviation."""
    spec = ann.input
    return spec.layout != "NC" and spec.mean is not None and spec.std is not None and any(m > 0 for m in spec.mean)


def _one_class(ann: Model, batches: Sequence[Tensor], count: int) -> list[str]:
    """Return a fault where the network is sure of one class for all images, as for pixels that it never met."""
    predictions, confidence = [], 0.0
    for batch in evenly(batches, ASKED):
        out = ann.graph(batch)
        logits = rows_of(out[0] if isinstance(out, tuple) else out)
        if logits.shape[1] < 2:
            return []
        predictions.append(logits.argmax(1))
        confidence += float(_probabilities(logits).amax(1).sum())
    classes, counts = torch.unique(torch.cat(predictions), return_counts=True)
    asked = int(counts.sum())
    share, sure = 100 * float(counts.max()) / asked, 100 * confidence / asked
    if count < FEWEST or share < ONE_CLASS or sure < SURE:
        return []
    unfit = "" if ann.input.parts else ", or not normalised as in training (--mean, --std)"
    return [
        f"the network answers {int(classes[counts.argmax()])} for {share:.0f} % of them, with {sure:.0f} % "
        f"confidence in the mean: they are of one class{unfit}"
    ]


def _probabilities(out: Tensor) -> Tensor:
    """Return the softmax of outputs; those that sum to one are probabilities already."""
    are_probabilities = bool((out >= 0).all()) and bool(torch.isclose(out.sum(1), torch.ones(()), atol=1e-3).all())
    return out if are_probabilities else out.softmax(1)
