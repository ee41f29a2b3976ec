"""Errors of outputs beside another network's, streamed over the samples in double precision.

y is an output, r the other network's, ȳ and r̄ their means over the samples, number by number:

    relative error  ||y - r|| / ||r - r̄||
    correlation     Σ (y - ȳ)(r - r̄) / (||y - ȳ|| ||r - r̄||), over all numbers of all samples

What is the same for all samples tells nothing of them: in neither does it make an error look small. Sums of squares are
merged batch by batch around the means (Chan, Golub & LeVeque 1983), so that they do not depend on the batch size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from snnconv.model import class_count
from snnconv.runtime.runnable import Outputs, Shape

__all__ = ["Differences", "OutputError", "Shape", "class_count", "names_only_classes"]


def names_only_classes(errors: Sequence[OutputError]) -> bool:
    """Return whether the outputs that were compared are one, and it names classes."""
    return len(errors) == 1 and class_count(errors[0].shape) is not None


@dataclass(frozen=True)
class OutputError:
    """The difference of one output from another network's, over all samples.

    Attributes:
        name: Name of the output.
        shape: Axes of one sample.
        relative_error: L2 norm of the difference, as a share of the other network's distance from its own mean over
            the samples; None where that output is the same for all samples.
        correlation: Pearson's coefficient of both outputs' distances from their own means over the samples; None where
            one of the outputs is the same for all samples.
        largest_difference: Largest absolute difference of two numbers.
        relative_error_at: Relative error of the mean of the first t steps, for t = 1..T; None where nothing steps, a
            sample stopped before T, or `relative_error` is None.
    """

    name: str
    shape: Shape
    relative_error: float | None
    correlation: float | None
    largest_difference: float
    relative_error_at: tuple[float, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the error JSON-ready; a number that is not finite is None."""
        values = {**asdict(self), "shape": list(self.shape)}
        at = values.pop("relative_error_at")
        ready = {key: _finite(value) for key, value in values.items()}
        return ready | {"relative_error_at": None if at is None else [_finite(value) for value in at]}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


class _Sums:
    """Sums over samples of one output, in double precision."""

    def __init__(self) -> None:
        self.samples, self.largest, self.squares, self.magnitude = 0, 0.0, 0.0, 0.0
        self.spread, self.reference_spread, self.product = 0.0, 0.0, 0.0
        self.squares_at: list[float] | None = None

    def add(self, values: Tensor, reference: Tensor, steps: Tensor | None) -> None:
        """Add a batch of one output, `[B, ...]`, of the other network's, and of the steps, `[T, B, ...]`."""
        self.epsilon = torch.finfo(reference.dtype).eps
        reference = reference.detach().cpu().double()
        values = values.detach().cpu().double().reshape(reference.shape)
        difference = values - reference
        self.squares += _square(difference)
        self.largest = max(self.largest, float(difference.abs().max()))
        self.magnitude += _square(reference)
        self._add_spreads(values, reference)
        at = [] if steps is None else _squares_at(steps, reference)
        self.squares_at = at if self.squares_at is None else [a + b for a, b in zip(self.squares_at, at, strict=True)]

    def _add_spreads(self, values: Tensor, reference: Tensor) -> None:
        """Merge the batch's sums around its means with those so far, both shifted by the first sample."""
        if not self.samples:
            self.first = (values[0].clone(), reference[0].clone())
            self.means = (torch.zeros_like(values[0]), torch.zeros_like(reference[0]))
        ours, theirs = values - self.first[0], reference - self.first[1]
        means, samples = (ours.mean(0), theirs.mean(0)), len(reference)
        shifts = means[0] - self.means[0], means[1] - self.means[1]
        ours, theirs = ours - means[0], theirs - means[1]
        total = self.samples + samples
        weight = self.samples * samples / total
        self.spread += _square(ours) + weight * _square(shifts[0])
        self.reference_spread += _square(theirs) + weight * _square(shifts[1])
        self.product += float((ours * theirs).sum()) + weight * float((shifts[0] * shifts[1]).sum())
        share = samples / total
        self.means = (self.means[0] + shifts[0] * share, self.means[1] + shifts[1] * share)
        self.samples = total

    def error(self, name: str, shape: Shape) -> OutputError:
        """Return the error of all samples so far; a spread within the rounding of the numbers is none."""
        varies = self.reference_spread > self.epsilon**2 * self.magnitude
        relative = math.sqrt(self.squares / self.reference_spread) if varies else None
        correlation = None
        if varies and self.spread > 0:
            ratio = self.product / (math.sqrt(self.spread) * math.sqrt(self.reference_spread))
            correlation = min(1.0, max(-1.0, ratio)) if math.isfinite(ratio) else math.nan
        at = None
        if varies and self.squares_at:
            at = tuple(math.sqrt(squares / self.reference_spread) for squares in self.squares_at)
        return OutputError(name, shape, relative, correlation, self.largest, at)


def _square(values: Tensor) -> float:
    """Return the squared L2 norm."""
    return float(values.square().sum())


def _squares_at(steps: Tensor, reference: Tensor) -> list[float]:
    """Return the squared norm of the difference of the mean of the first t steps, for t = 1..T."""
    total, squares = torch.zeros_like(reference), []
    for elapsed, step in enumerate(steps, 1):
        total = total + step.detach().cpu().double().reshape(reference.shape)
        squares.append(_square(total / elapsed - reference))
    return squares


class Differences:
    """Errors of several outputs, added up batch by batch.

    Args:
        names: Names of the outputs that are compared, the first of a network's.
        shapes: Axes of one sample of each output.
    """

    def __init__(self, names: Sequence[str], shapes: Sequence[Shape]) -> None:
        self.names, self.shapes = tuple(names), tuple(shapes)
        self._sums = [_Sums() for _ in self.names]

    def add(self, outputs: Outputs, reference: Sequence[Tensor]) -> None:
        """Add a batch of both networks' outputs, in the order of the names; outputs beyond the names are left out."""
        steps: Sequence[Tensor | None] = [None] * len(outputs.final)
        if outputs.steps is not None and outputs.stopped is None:
            steps = outputs.steps
        for sums, ours, theirs, ours_at in zip(self._sums, outputs.final, reference, steps, strict=False):
            sums.add(ours, theirs, ours_at)

    def errors(self) -> tuple[OutputError, ...]:
        """Return the error of each output."""
        return tuple(
            sums.error(name, shape) for name, shape, sums in zip(self.names, self.shapes, self._sums, strict=True)
        )
