"""Samples of named inputs in memory, each array in its own type until it is packed into rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from snnconv.data.keys import parts_of
from snnconv.data.numbers import number_tensor
from snnconv.data.samples import SampleSource, require_finite, taken_shape
from snnconv.data.sources import Indices, Labels
from snnconv.errors import InvalidValueError
from snnconv.inputspec import InputPart, InputSpec, part_rows

__all__ = ["PartSource", "checked_rows"]

CHUNK = 1024  # samples that are checked at a time


class PartSource(SampleSource):
    """Samples of named inputs, or of one flat input, in memory.

    Args:
        arrays: Arrays `[n, *shape]` by the name of the input.
        taken: Input of the network that they are for.
        labels: Class indices `[n]`, or None.
        where: Name of what holds the arrays, for messages.

    Raises:
        InvalidValueError: A sample is not finite, holds fractions where whole numbers are needed, or ids outside the
            embedding.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]], taken: InputSpec, labels: Labels | None, where: str) -> None:
        super().__init__(taken, labels)
        self.parts = parts_of(taken)
        self.arrays = dict(arrays)
        for part in self.parts:
            _require_values(part, self.arrays[part.name], where)

    def __len__(self) -> int:
        return len(self.arrays[self.parts[0].name])

    def samples(self, indices: Indices) -> Tensor:
        rows = [part_rows(part, number_tensor(self.arrays[part.name][indices])) for part in self.parts]
        return torch.cat(rows, 1).reshape(len(indices), *taken_shape(self.taken))


def checked_rows(part: InputPart, values: Tensor, where: str) -> Tensor:
    """Return one input of some samples as rows `[B, length]`, after a look at every number.

    Args:
        part: Input.
        values: Numbers of the input, `[B, *shape]`.
        where: Name of what holds them, for messages.

    Raises:
        InvalidValueError: They are of another shape or not finite, hold fractions where whole numbers are needed, or
            ids outside the embedding.
    """
    if values.is_floating_point():
        require_finite(values, f"{where}: the input {part.name!r}")
    try:
        return part_rows(part, values)
    except InvalidValueError as error:
        raise InvalidValueError(f"{where}: {error}") from error


def _require_values(part: InputPart, array: NDArray[Any], where: str) -> None:
    """Look at every number of an array; the message names the first sample that cannot be taken."""
    for start in range(0, len(array), CHUNK):
        chunk = array[start : start + CHUNK]
        try:
            checked_rows(part, number_tensor(chunk), where)
        except InvalidValueError:
            for place in range(len(chunk)):
                checked_rows(part, number_tensor(chunk[place : place + 1]), f"{where}, sample {start + place}")
            raise
