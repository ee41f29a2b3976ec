"""The one string that names a set of images: `scheme:where[start:stop:step]`."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from snnconv.data.scheme import SCHEMES, Purpose, ordered_schemes
from snnconv.errors import DataError
from snnconv.registry import near_names

__all__ = ["LABELS", "DataSpec", "Purpose", "parse_spec", "with_labels"]

LABELS = "#labels="  # names the array of the labels, in a spec whose scheme has several

# Brackets around anything but digits, colons, signs and spaces belong to a path.
_TRAILING_BRACKETS = re.compile(r"^(?P<rest>.*)\[(?P<inside>[-+\d:\s]*)\]$", re.DOTALL)
_SLICE = re.compile(r"^\s*(-?\d{1,99})?\s*:\s*(-?\d{1,99})?\s*(?::\s*(-?\d{1,99})?\s*)?$")


@dataclass(frozen=True)
class DataSpec:
    """A parsed data spec.

    Attributes:
        text: Spec as it was given.
        scheme: Name of the scheme.
        where: Text behind the scheme, mostly a file or a folder; empty for embedded data.
        window: Slice of the whole.
    """

    text: str
    scheme: str
    where: str
    window: slice

    def indices(self, length: int) -> NDArray[np.int64]:
        """Return the positions that the window takes out of `length` images, `[n]`.

        Raises:
            DataError: The window takes nothing.
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
        DataError: The scheme is unknown, the place is missing or superfluous, or the slice is malformed.

    >>> parse_spec("npz:a.npz,b.npz[45000:50000]").window
    slice(45000, 50000, None)
    >>> parse_spec("digits[::2]").scheme
    'digits'
    """
    _require_text(text)
    body, window = _split_window(text)
    scheme, colon, where = body.partition(":")
    if scheme not in SCHEMES:
        raise DataError(_unknown_scheme(text, scheme))
    form = SCHEMES[scheme].form
    if ":" not in form:
        if colon:
            raise DataError(f"{text!r}: {scheme} is embedded and takes no place. Write {form!r}.")
    elif not where.strip():
        raise DataError(f"{text!r} does not say where the data are. Write {form!r}.")
    return DataSpec(text, scheme, where, window)


def with_labels(text: str, key: str | None) -> str:
    """Return a data spec that names its array of labels.

    Args:
        text: Data spec.
        key: Name of the array; None: the spec stays as it is.

    Raises:
        DataError: The spec is malformed, its scheme has no arrays of a name, or it names its labels already.

    >>> with_labels("npz:a.npz[0:100]", "target")
    'npz:a.npz#labels=target[0:100]'
    """
    if key is None:
        return text
    parsed = parse_spec(text)
    if not SCHEMES[parsed.scheme].named_arrays:
        forms = ", ".join(scheme.form for scheme in ordered_schemes().values() if scheme.named_arrays)
        raise DataError(f"{text!r} has its labels where its scheme says: only {forms} has an array {key!r} of them.")
    if LABELS in parsed.where:
        raise DataError(f"{text!r} names its labels already: leave {LABELS}... or the other name, {key!r}, out.")
    body, _ = _split_window(text)
    return f"{body}{LABELS}{key}{text[len(body) :]}"


def _require_text(value: object) -> None:
    """Refuse a data spec that is no text."""
    if not isinstance(value, str):
        forms = ", ".join(scheme.form for scheme in ordered_schemes().values())
        raise DataError(f"A data spec is a text, not a {type(value).__name__}: write one of {forms}.")


def _split_window(text: str) -> tuple[str, slice]:
    """Return a spec without its slice, and the slice."""
    brackets = _TRAILING_BRACKETS.match(text)
    if brackets is None:
        return text, slice(None)
    match = _SLICE.match(brackets["inside"])
    bounds = [None if part is None else int(part) for part in match.groups()] if match else None
    if bounds is None or bounds[2] == 0:
        raise DataError(
            f"{text!r} ends with [{brackets['inside']}], which is no slice: "
            "write [start:stop] or [start:stop:step] with whole numbers and a step other than 0."
        )
    return brackets["rest"], slice(*bounds)


def _unknown_scheme(text: str, scheme: str) -> str:
    forms = {name: entry.form for name, entry in ordered_schemes().items()}
    near = near_names(scheme, forms, most=1)
    guess = f" Did you mean {forms[near[0]]!r}?" if near else ""
    return f"{text!r} does not name a known kind of data.{guess} Known: {', '.join(forms.values())}."
