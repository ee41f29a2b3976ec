"""The one string that names a set of images: `scheme:where[start:stop:step]`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from snnconv.errors import DataError
from snnconv.registry import near_names

__all__ = ["FORMS", "DataSpec", "Purpose", "parse_spec"]

Purpose = Literal["train", "eval", "calibration"]

FORMS: dict[str, str] = {
    "digits": "digits",
    "cifar10": "cifar10:DIR",
    "cifar100": "cifar100:DIR",
    "imagefolder": "imagefolder:DIR",
    "csv": "csv:FILE",
    "npz": "npz:FILE[,FILE...]",
    "events": "events:FILE",
    "tonic": "tonic:NAME:DIR",
}
"""How each scheme is written."""

# Brackets around anything but digits, colons, signs and spaces belong to a path.
_TRAILING_BRACKETS = re.compile(r"^(?P<rest>.*)\[(?P<inside>[-+\d:\s]*)\]$", re.DOTALL)
_SLICE = re.compile(r"^\s*(-?\d{1,99})?\s*:\s*(-?\d{1,99})?\s*(?::\s*(-?\d{1,99})?\s*)?$")


@dataclass(frozen=True)
class DataSpec:
    """A parsed data spec.

    Attributes:
        text: the spec as it was given.
        scheme: a key of `FORMS`.
        where: the file or folder, of tonic the name of the data set before it; empty for embedded data.
        window: the part of the whole that is wanted.
    """

    text: str
    scheme: str
    where: str
    window: slice

    def indices(self, length: int) -> NDArray[np.int64]:
        """Positions `[n]` that the window takes out of `length` images.

        Raises:
            DataError: the window takes nothing.
        """
        chosen = np.arange(length, dtype=np.int64)[self.window]
        if chosen.size == 0:
            raise DataError(
                f"{self.text!r} selects no image: the whole has {length}, counted from 0. Give another slice."
            )
        return chosen


def parse_spec(text: str) -> DataSpec:
    """Take a data spec apart; opens nothing.

    Raises:
        DataError: the scheme is unknown, the place is missing or superfluous, or the slice is malformed.

    >>> parse_spec("npz:a.npz,b.npz[45000:50000]").window
    slice(45000, 50000, None)
    >>> parse_spec("digits[::2]").scheme
    'digits'
    """
    body, window = _split_window(text)
    scheme, colon, where = body.partition(":")
    if scheme not in FORMS:
        raise DataError(_unknown_scheme(text, scheme))
    if FORMS[scheme] == scheme:
        if colon:
            raise DataError(f"{text!r}: {scheme} is embedded and takes no place. Write {FORMS[scheme]!r}.")
    elif not where.strip():
        raise DataError(f"{text!r} does not say where the data are. Write {FORMS[scheme]!r}.")
    return DataSpec(text, scheme, where, window)


def _split_window(text: str) -> tuple[str, slice]:
    brackets = _TRAILING_BRACKETS.match(text)
    if brackets is None:
        return text, slice(None)
    found = _SLICE.match(brackets["inside"])
    bounds = [None if part is None else int(part) for part in found.groups()] if found else None
    if bounds is None or bounds[2] == 0:
        raise DataError(
            f"{text!r} ends with [{brackets['inside']}], which is no slice: "
            "write [start:stop] or [start:stop:step] with whole numbers and a step other than 0."
        )
    return brackets["rest"], slice(*bounds)


def _unknown_scheme(text: str, scheme: str) -> str:
    near = near_names(scheme, FORMS, most=1)
    guess = f" Did you mean {FORMS[near[0]]!r}?" if near else ""
    return f"{text!r} does not name a known kind of data.{guess} Known: {', '.join(FORMS.values())}."
