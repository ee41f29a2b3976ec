"""The score of a network on images: accuracy, agreement with a reference, errors of its outputs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from torch import Tensor

from snnconv.evaluation.accuracy import standard_error
from snnconv.evaluation.differences import OutputError
from snnconv.evaluation.predictions import ImagePredictions

__all__ = ["EarlyStopping", "Score", "score_of"]


@dataclass(frozen=True)
class EarlyStopping:
    """Time steps that were run of a network that stops for an image when its class has settled.

    Attributes:
        images_at: Number of images for which 1, 2, .. T steps were run.
    """

    images_at: tuple[int, ...]

    @classmethod
    def of(cls, stopped: Tensor, at: Tensor | None) -> Self:
        """Count the images of each number of steps.

        Args:
            stopped: Steps that were run for each image, `[n]`.
            at: Classes after each step, `[T, n]`.
        """
        assert at is not None
        return cls(tuple(stopped.bincount(minlength=len(at) + 1)[1:].tolist()))

    @property
    def mean_timesteps(self) -> float:
        """Return the mean number of steps of an image."""
        total = sum(step * images for step, images in enumerate(self.images_at, 1))
        return total / sum(self.images_at)

    def to_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {"mean_timesteps": self.mean_timesteps, "images_at": list(self.images_at)}


@dataclass(frozen=True, kw_only=True)
class Score:
    """The score of one network on one data set, and beside a reference where there is one.

    Attributes:
        images: Number of images.
        accuracy: Share of images whose class is their label's, in percent; None without labels, and where the output
            names no classes.
        accuracy_standard_error: Binomial standard error, in percentage points; None without an accuracy.
        agreement: Share of images that the reference gives the same class, in percent; None without a reference, and
            where the output names no classes.
        against_accuracy: Accuracy of the reference, in percent; None without labels or without a reference.
        accuracy_at: Accuracy of the mean of the first t steps, in percent, for t = 1..T; None without labels, and where
            nothing steps: a network in one pass knows time means only, not the spikes of each step.
        agreement_at: Agreement of the mean of the first t steps with the reference's final classes.
        output_errors: Difference of each output from the reference's, the first output's first; logits are an output
            like any other. Nothing without a reference.
        metrics: What each metric of the user's gave, by name.
        against_metrics: What it gave for the reference; nothing without one.
        stopping: Time steps that were run where the network stopped early; None where all T were.
        right: One truth value an image: its class is its label's; None without labels.
        agreeing: One truth value an image: its class is the reference's; None without a reference.
    """

    images: int
    accuracy: float | None = None
    accuracy_standard_error: float | None = None
    agreement: float | None = None
    against_accuracy: float | None = None
    accuracy_at: tuple[float, ...] | None = None
    agreement_at: tuple[float, ...] | None = None
    output_errors: tuple[OutputError, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    against_metrics: Mapping[str, float] = field(default_factory=dict)
    stopping: EarlyStopping | None = None
    right: tuple[bool, ...] | None = field(default=None, compare=False, repr=False)
    agreeing: tuple[bool, ...] | None = field(default=None, compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the score of a written network beside its model, JSON-ready; `output_errors` where there are any."""
        values: dict[str, Any] = {
            "images": self.images,
            "agreement": self.agreement,
            "accuracy": self.accuracy,
            "model_accuracy": self.against_accuracy,
        }
        return values | self._errors()

    def _errors(self) -> dict[str, Any]:
        return {"output_errors": [error.to_dict() for error in self.output_errors]} if self.output_errors else {}

    def _metrics(self) -> dict[str, Any]:
        """Return what the user's metrics gave, a number that is not finite as None; nothing where there are none."""
        if not self.metrics:
            return {}
        both = {"metrics": self.metrics, "against_metrics": self.against_metrics}
        return {
            key: {name: value if math.isfinite(value) else None for name, value in values.items()} or None
            for key, values in both.items()
        }


def score_of(
    predictions: ImagePredictions,
    labels: Tensor | None,
    reference: ImagePredictions | None,
    errors: tuple[OutputError, ...] = (),
) -> Score:
    """Return the score of predictions.

    Args:
        predictions: ImagePredictions of the network that is scored.
        labels: Classes of the images, `[n]`; None where there are none.
        reference: ImagePredictions of the network that it is compared with; None where there is none.
        errors: Errors of the outputs.
    """
    accuracy = None if labels is None else _percent(predictions.final, labels)
    return Score(
        images=len(predictions.final),
        accuracy=accuracy,
        accuracy_standard_error=None if accuracy is None else standard_error(accuracy, len(predictions.final)),
        agreement=None if reference is None else _percent(predictions.final, reference.final),
        against_accuracy=None if labels is None or reference is None else _percent(reference.final, labels),
        accuracy_at=_percents(predictions.at, labels),
        agreement_at=None if reference is None else _percents(predictions.at, reference.final),
        output_errors=errors,
        stopping=None if predictions.stopped is None else EarlyStopping.of(predictions.stopped, predictions.at),
        right=None if labels is None else tuple((predictions.final == labels).tolist()),
        agreeing=None if reference is None else tuple((predictions.final == reference.final).tolist()),
    )


def _percent(classes: Tensor, targets: Tensor) -> float:
    """Return the share of equal classes, in percent."""
    return 100 * int((classes == targets).sum()) / len(targets)


def _percents(classes: Tensor | None, targets: Tensor | None) -> tuple[float, ...] | None:
    """Return the share of equal classes of each step, `[T, n]` beside `[n]`, in percent."""
    if classes is None or targets is None:
        return None
    return tuple(_percent(row, targets) for row in classes)
