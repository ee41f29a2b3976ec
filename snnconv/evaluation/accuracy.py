"""How often a network's arg-max is right, and how often it is another network's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from snnconv.model import rows_of

__all__ = ["Predictions", "Scores", "Tally", "predictions_of", "standard_error", "standard_error_of_difference"]


@dataclass(frozen=True)
class Predictions:
    """Classes that a network names.

    Attributes:
        final: `[B]`, of its own first output.
        at: `[T, B]`, row t - 1 of the mean of its first t steps; None where it does not step.
    """

    final: Tensor
    at: Tensor | None


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
    """Images on which predictions equal given classes: of the final answer, and after each step.

    Attributes:
        final: number of images.
        at: `[T]`, number of images after each step; None where nothing steps.
        hits: whether they are equal, `[B]` a batch.
    """

    final: int = 0
    at: Tensor | None = None
    hits: list[Tensor] = field(default_factory=list)

    def add(self, predictions: Predictions, classes: Tensor) -> None:
        """Count one batch; `classes` is `[B]`."""
        equal = predictions.final == classes
        self.hits.append(equal)
        self.final += int(equal.sum())
        if predictions.at is not None:
            hits = (predictions.at == classes).sum(1)
            self.at = hits if self.at is None else self.at + hits

    def percent(self, images: int) -> float:
        """Of the final answer."""
        return 100 * self.final / images

    def each(self) -> tuple[bool, ...]:
        """Return whether they are equal, image by image."""
        return tuple(bool(hit) for batch in self.hits for hit in batch.tolist())

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


def standard_error_of_difference(one: Sequence[bool], other: Sequence[bool]) -> float:
    """Return the standard error of the difference of two shares of the same images, paired, in percentage points.

    Args:
        one: whether each image is a hit.
        other: the same of the other share, in the same order.

    Source: McNemar's test, whose variance is (b + c - (b - c)²/n)/n², b and c the images that are a hit of one alone.

    >>> round(standard_error_of_difference([True, True, False, False], [True, False, True, False]), 2)
    35.36
    """
    only_one = sum(a and not b for a, b in zip(one, other, strict=True))
    only_other = sum(b and not a for a, b in zip(one, other, strict=True))
    images = len(one)
    return 100 * math.sqrt(only_one + only_other - (only_one - only_other) ** 2 / images) / images
