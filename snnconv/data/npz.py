"""The `npz` scheme: arrays of `.npz` files by their names, `FILE[,FILE...][#KEY][#labels=KEY]`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snnconv.data.archive import Held, held_arrays, held_in_words, read_arrays
from snnconv.data.arrays import ArraySource, array_source
from snnconv.data.dataspec import LABELS
from snnconv.data.keys import array_names, parts_of
from snnconv.data.parts import PartSource
from snnconv.data.scheme import Purpose
from snnconv.data.sources import Labels, to_labels
from snnconv.errors import DataError, SnnconvWarning
from snnconv.inputspec import InputSpec

__all__ = ["ArrayFiles", "array_files", "read_images", "read_rows"]

IMAGES_KEY, LABELS_KEY = "x", "y"
FORM = {
    "form": "one or more .npz files: npz:FILE[,FILE...][#KEY]",
    "make": "numpy.savez(FILE, x=images, y=labels)",
}


@dataclass(frozen=True)
class ArrayFiles:
    """Files whose arrays are joined in the order given.

    Attributes:
        spec: The spec, without its slice.
        paths: Paths of the files.
        key: Name of the array that is the network's only input; None: the usual one.
        labels: Name of the array of labels; None: `y`, where it is there.
    """

    spec: str
    paths: tuple[Path, ...]
    key: str | None
    labels: str | None

    def held(self) -> dict[str, Held]:
        """Return shapes and types of the first file's arrays."""
        return held_arrays(self.paths[0], **FORM)

    def read(self, names: Iterable[str]) -> dict[str, NDArray[Any]]:
        """Return arrays of all files, joined.

        Raises:
            FileError: A file is missing or is no `.npz`.
            DataError: Files disagree about an array.
        """
        names = list(dict.fromkeys(names))
        files = [read_arrays(path, names, **FORM) for path in self.paths]
        for number, arrays in enumerate(files[1:], start=2):
            for name in names:
                self._require_alike(name, files[0].get(name), arrays.get(name), number)
        if len(files) == 1:
            return files[0]
        return {name: np.concatenate([arrays[name] for arrays in files]) for name in names if name in files[0]}

    def _require_alike(self, name: str, first: NDArray[Any] | None, other: NDArray[Any] | None, number: int) -> None:
        """Refuse an array that only one of two files has, or that is of another shape or type there."""
        if first is None and other is None:
            return
        if first is None or other is None:
            raise DataError(f"{self.spec}: files 1 and {number} disagree: give every file an array {name!r}, or none.")
        samples = name != self.labels_key
        if first.ndim != other.ndim or first.shape[1:] != other.shape[1:] or (samples and first.dtype != other.dtype):
            raise DataError(
                f"{self.spec}: file 1 holds {name!r} {list(first.shape[1:])} of {first.dtype}, file {number} "
                f"{list(other.shape[1:])} of {other.dtype}: files that are joined must agree."
            )

    @property
    def labels_key(self) -> str:
        """Name of the array of labels."""
        return self.labels or LABELS_KEY

    def labels_of(self, arrays: dict[str, NDArray[Any]], length: int) -> Labels | None:
        """Return the labels among arrays, None where there are none.

        Raises:
            DataError: They are no class indices, or the user named an array that is not there.
        """
        if self.labels_key in arrays:
            return to_labels(arrays[self.labels_key], length, f"{self.spec}, {self.labels_key!r}")
        if self.labels is not None:
            raise DataError(
                f"{self.spec} has no array {self.labels!r} for the labels; it holds {held_in_words(self.held())}."
            )
        return None


def array_files(where: str) -> ArrayFiles:
    """Take apart what stands behind `npz:`; a `#` that is in a file's own name belongs to it.

    Raises:
        DataError: A part behind a `#` is empty or there twice.

    >>> array_files("a.npz,b.npz#ids#labels=target").key
    'ids'
    """
    names, fragments = where, list[str]()
    while "#" in names and not os.path.isfile(_path(names.split(",")[-1])):
        names, _, fragment = names.rpartition("#")
        fragments.append(fragment)
    prefix = LABELS.removeprefix("#")
    labels = [fragment.removeprefix(prefix) for fragment in fragments if fragment.startswith(prefix)]
    keys = [fragment for fragment in fragments if not fragment.startswith(prefix)]
    if len(labels) > 1 or len(keys) > 1 or "" in (*labels, *keys):
        raise DataError(
            f"npz:{where}: behind the files may stand #KEY, the array of the network's only input, and "
            f"{LABELS}KEY, that of the labels."
        )
    paths = tuple(_path(name) for name in names.split(","))
    return ArrayFiles(f"npz:{names}", paths, next(iter(keys), None), next(iter(labels), None))


def read_images(where: str, purpose: Purpose, taken: InputSpec | None = None) -> ArraySource:
    """Read images, or numbers for a network that takes them in the form of images.

    Args:
        where: Text behind `npz:`.
        purpose: Purpose of the images; calibration looks at no labels.
        taken: Input of the network; None: there is none yet, and the range of the numbers is not looked at.

    Raises:
        FileError: A file is missing or is no `.npz`.
        DataError: The arrays are of a wrong rank, type or range, or do not agree with each other.
    """
    files = array_files(where)
    key = files.key or IMAGES_KEY
    arrays = files.read((key,) if purpose == "calibration" and files.labels is None else (key, files.labels_key))
    if key not in arrays:
        held = held_in_words(files.held())
        rule = "the images must be called 'x', the labels 'y'" if files.key is None else f"there is no {key!r}"
        raise DataError(f"{files.spec} holds {held}: {rule}. Choose an array with #KEY.")
    return array_source(arrays[key], files.labels_of(arrays, len(arrays[key])), taken, files.spec, key)


def read_rows(where: str, purpose: Purpose, taken: InputSpec) -> PartSource:
    """Read the named inputs of a network, or its flat input, as they are.

    Args:
        where: Text behind `npz:`.
        purpose: Purpose of the samples; calibration looks at no labels.
        taken: Input of the network.

    Raises:
        FileError: A file is missing or is no `.npz`.
        DataError: Inputs are not named, or arrays do not fit the network or each other.
        InvalidValueError: Numbers are outside what the network takes.

    Warns:
        SnnconvWarning: `y`, which nobody named, holds no class indices.
    """
    files, parts = array_files(where), parts_of(taken)
    names = array_names(parts, files.held(), files.spec, key=files.key, labels=files.labels_key)
    labelled = purpose != "calibration" and (files.labels is not None or LABELS_KEY not in names.values())
    arrays = files.read((*names.values(), files.labels_key) if labelled else names.values())
    if files.labels is None and labelled and not _holds_classes(arrays.get(LABELS_KEY)):
        arrays.pop(LABELS_KEY)
        text = f"{files.spec}: {LABELS_KEY!r} holds no class indices and is left out; --labels KEY names the labels."
        warnings.warn(text, SnnconvWarning, stacklevel=2)
    labels = files.labels_of(arrays, len(arrays[names[parts[0].name]])) if labelled else None
    as_they_are = replace(taken, mean=None, std=None)
    return PartSource({part: arrays[name] for part, name in names.items()}, as_they_are, labels, files.spec)


def _holds_classes(labels: NDArray[Any] | None) -> bool:
    """Return whether an array may hold class indices: False for targets of a regression, or of each step of a text."""
    if labels is None or labels.dtype.kind != "f":
        return labels is None or labels.ndim == 1
    return labels.ndim == 1 and bool((labels == np.floor(labels)).all())


def _path(name: str) -> Path:
    return Path(os.path.expanduser(name.strip()))
