"""Arrays out of `.npz` files that anyone may have made."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snnconv.errors import FileError, unreadable

__all__ = ["Held", "held_arrays", "held_in_words", "read_arrays"]

HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
MOST_SHOWN = 20  # arrays that a message names


@dataclass(frozen=True)
class Held:
    """An array that is held somewhere, before it is read.

    Attributes:
        shape: Its shape.
        dtype: Type of its elements.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        """Return the shape and the type, as `[20, 8] int64`."""
        return f"{list(self.shape)} {self.dtype}"


def held_in_words(held: dict[str, Held]) -> str:
    """Return what is held, array by array.

    >>> held_in_words({"ids": Held((20, 8), np.dtype("int64"))})
    'ids [20, 8] int64'
    """
    words = [f"{name} {array}" for name, array in list(held.items())[:MOST_SHOWN]]
    more = len(held) - len(words)
    return ", ".join(words + ([f"and {more} more"] if more > 0 else [])) or "nothing"


def held_arrays(path: Path, *, form: str, make: str) -> dict[str, Held]:
    """Return shapes and types of all arrays in a file by name; no array is read.

    Args:
        path: Path of the file.
        form: Form of the data spec, for whoever names a file that is not there.
        make: Call of numpy.savez that makes such a file.

    Raises:
        FileError: The file is missing, damaged or no `.npz`.
    """
    with _archive(path, form=form, make=make) as archive:
        return {name: _header(archive, name) for name in archive.files}


def read_arrays(path: Path, names: Iterable[str], *, form: str, make: str) -> dict[str, NDArray[Any]]:
    """Return some of the arrays in a file by name; no object is unpickled.

    Args:
        path: Path of the file.
        names: Names of the arrays; a name that the file does not have is left out.
        form: Form of the data spec, for whoever names a file that is not there.
        make: Call of numpy.savez that makes such a file.

    Raises:
        FileError: The file is missing, damaged, no `.npz`, or holds pickled objects.
    """
    with _archive(path, form=form, make=make) as archive:
        arrays = {name: archive[name] for name in names if name in archive.files}
    broken = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
    if broken:
        raise FileError(f"{path} is damaged: {broken[0]!r} in it is no array. Make it with {make}.")
    return arrays


@contextmanager
def _archive(path: Path, *, form: str, make: str) -> Iterator[Any]:
    """Open a file, whose damages become errors of ours."""
    if not os.path.isfile(path):
        raise FileError(f"{path} is not there or is no file. Give {form}.")
    try:
        if not zipfile.is_zipfile(path):
            raise FileError(f"{path} cannot be read as .npz, it is no .npz file. Make one with {make}.")
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise FileError(f"{path} is no .npz file: make one with {make}.")
            yield archive
    except FileError:
        raise
    except Exception as error:  # zipfile and numpy raise nearly anything on damaged files
        message = (
            f"{path} cannot be read as .npz ({error}). Make it with {make} "
            "from arrays of numbers; pickled objects are refused."
        )
        raise unreadable(path, error, message) from error


def _header(archive: Any, name: str) -> Held:
    """Return shape and type of an array, which stand before its numbers."""
    member = name if name in archive.zip.namelist() else f"{name}.npy"
    with archive.zip.open(member) as stream:
        read = HEADERS.get(np.lib.format.read_magic(stream))
        if read is not None:
            shape, _, dtype = read(stream)
            return Held(shape, dtype)
    array = archive[name]
    return Held(array.shape, array.dtype)
