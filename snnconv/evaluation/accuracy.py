"""How often a network's arg-max is right, and how often it is another network's."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from snnconv.model import Model, rows_of
from snnconv.runtime.onnxruntime import OnnxNetwork

__all__ = ["Predictions", "Scores", "Tally", "predict", "predictions_of", "standard_error"]


@dataclass(frozen=True)
class Predictions:
    """Classes that a network names.

    Attributes:
        final: `[B]`, of its own first output.
        at: `[T, B]`, row t - 1 of the mean of its first t steps; None where it does not step.
    """

    final: Tensor
    at: Tensor | None


def predict(model: Model | OnnxNetwork, x: Tensor) -> Predictions:
    """Run a batch. Neurons start each batch afresh.

    Args:
        model: of any stage, in torch or in onnxruntime.
        x: `[B, ...]`, of an input that changes over time `[T, B, ...]`; normalised.
    """
    out = model(x)
    return predictions_of(out if isinstance(out, tuple) else (out,), stepped=model.timesteps is not None)


def predictions_of(outputs: tuple[Tensor, ...], *, stepped: bool) -> Predictions:
    """Read classes from what a network returned: of one that steps the time means, and after them the steps."""
    final = rows_of(outputs[0]).argmax(1).cpu()
    if not stepped:
        return Predictions(final, None)
    steps = outputs[len(outputs) // 2]  # the time means come first, the steps [T, B, ...] after them
    elapsed = torch.arange(1, len(steps) + 1, device=steps.device).view(-1, 1, 1)
    means = steps.unsqueeze(-1).flatten(2).cumsum(0) / elapsed
    return Predictions(final, means.argmax(2).cpu())


@dataclass
class Tally:
    """Images on which predictions equal given classes: of the final answer, and after each step."""

    final: int = 0
    at: Tensor | None = None

    def add(self, predictions: Predictions, classes: Tensor) -> None:
        """Count one batch; `classes` is `[B]`."""
        self.final += int((predictions.final == classes).sum())
        if predictions.at is not None:
            hits = (predictions.at == classes).sum(1)
            self.at = hits if self.at is None else self.at + hits

    def percent(self, images: int) -> float:
        """Of the final answer."""
        return 100 * self.final / images

    def percent_at(self, images: int) -> tuple[float, ...] | None:
        """After each step; None without steps."""
        return None if self.at is None else tuple(100 * hits / images for hits in self.at.tolist())


class Scores:
    """Everything that is scored over a data set."""

    def __init__(self) -> None:
        self.images = 0
        self.correct, self.agreeing, self.against_correct = Tally(), Tally(), Tally()

    def add(self, own: Predictions, labels: Tensor | None, other: Predictions | None) -> None:
        """Add one batch: labels `[B]` and another network's predictions, where there are any."""
        self.images += len(own.final)
        if labels is not None:
            self.correct.add(own, labels)
        if other is not None:
            self.agreeing.add(own, other.final)
        if labels is not None and other is not None:
            self.against_correct.add(Predictions(other.final, None), labels)


def standard_error(percent: float, images: int) -> float:
    """Binomial standard error of a share in percent, in percentage points.

    >>> standard_error(90.0, 100)
    3.0
    """
    share = percent / 100
    return 100 * math.sqrt(share * (1 - share) / images)
