"""How far outputs are from another network's, where they name no classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["Differences", "OutputError", "class_count"]

Shape = tuple[int, ...]


def class_count(shape: Shape) -> int | None:
    """Return how many classes an output names, the axes of one sample given; None: it names none.

    Classes are one axis of two numbers or more, `[B, K]`, and axes of one number may follow it.

    >>> [class_count(shape) for shape in ((10,), (10, 1, 1), (1,), (1, 3000), (85, 22, 22))]
    [10, 10, None, None, None]
    """
    return shape[0] if shape and shape[0] >= 2 and math.prod(shape) == shape[0] else None


@dataclass(frozen=True)
class OutputError:
    """The difference of one output from another network's, over all samples.

    Attributes:
        name: name of the output.
        shape: axes of one sample.
        relative_error: L2 norm of the difference, as a share of the other network's distance from its own mean over
            the samples; None where that output is the same for all samples.
        largest_difference: largest absolute difference of two numbers.
    """

    name: str
    shape: Shape
    relative_error: float | None
    largest_difference: float

    def to_dict(self) -> dict[str, Any]:
        """Return the error JSON-ready; a number that is not finite is None."""
        values = {**asdict(self), "shape": list(self.shape)}
        return {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in values.items()
        }


class _Sums:
    """Sums over samples of one output, in double precision."""

    def __init__(self) -> None:
        self.samples, self.squares, self.spread, self.largest = 0, 0.0, 0.0, 0.0
        self.first = self.total = torch.zeros(())

    def add(self, values: Tensor, wanted: Tensor) -> None:
        """Add a batch, `[B, ...]` each."""
        values, wanted = (each.detach().cpu().double() for each in (values, wanted))
        if not self.samples:
            self.first, self.total = wanted[0].clone(), torch.zeros_like(wanted[0])
        difference, centred = values.reshape(wanted.shape) - wanted, wanted - self.first
        self.samples += len(wanted)
        self.squares += float(difference.square().sum())
        self.spread += float(centred.square().sum())
        self.total = self.total + centred.sum(0)
        self.largest = max(self.largest, float(difference.abs().max()))

    def relative(self) -> float | None:
        """Return the relative error; None where the reference does not differ between samples."""
        spread = self.spread - float(self.total.square().sum()) / self.samples
        return math.sqrt(self.squares / spread) if spread > 1e-12 * self.spread else None


class Differences:
    """Errors of several outputs, added up batch by batch.

    Args:
        names: names of the outputs that are compared, the first of a network's.
        shapes: axes of one sample of each.
    """

    def __init__(self, names: Sequence[str], shapes: Sequence[Shape]) -> None:
        self.names, self.shapes = tuple(names), tuple(shapes)
        self._sums = [_Sums() for _ in self.names]

    def add(self, outputs: Sequence[Tensor], wanted: Sequence[Tensor]) -> None:
        """Add a batch: what both networks put out, in the order of the names; more outputs than names are left out."""
        for sums, ours, theirs in zip(self._sums, outputs, wanted, strict=False):
            sums.add(ours, theirs)

    def errors(self) -> tuple[OutputError, ...]:
        """Return the error of each output."""
        return tuple(
            OutputError(name, shape, sums.relative(), sums.largest)
            for name, shape, sums in zip(self.names, self.shapes, self._sums, strict=True)
        )
