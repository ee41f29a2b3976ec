"""Arrays out of `.npz` files that anyone may have made."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snnconv.errors import FileError, unreadable

__all__ = ["read_arrays"]


def read_arrays(
    path: Path, pick: Callable[[Sequence[str]], Iterable[str]], *, form: str, make: str
) -> tuple[list[str], dict[str, NDArray[Any]]]:
    """Return the names of all arrays in a file, and some of the arrays; no object is unpickled.

    Args:
        path: Path of the file.
        pick: Function that picks from the names; a name that the file does not have is left out.
        form: Form of the data spec, for whoever names a file that is not there.
        make: Call of numpy.savez that makes such a file.

    Raises:
        FileError: The file is missing, damaged, no `.npz`, or holds pickled objects.
    """
    if not os.path.isfile(path):
        raise FileError(f"{path} is not there or is no file. Give {form}.")
    try:
        if not zipfile.is_zipfile(path):
            raise FileError(f"{path} cannot be read as .npz, it is no .npz file. Make one with {make}.")
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise FileError(f"{path} is no .npz file: make one with {make}.")
            names = list(archive.files)
            arrays = {name: archive[name] for name in pick(names) if name in names}
    except FileError:
        raise
    except Exception as error:  # zipfile and numpy raise nearly anything on damaged files
        message = (
            f"{path} cannot be read as .npz ({error}). Make it with {make} "
            "from arrays of numbers; pickled objects are refused."
        )
        raise unreadable(path, error, message) from error
    broken = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
    if broken:
        raise FileError(f"{path} is damaged: {broken[0]!r} in it is no array. Make it with {make}.")
    return names, arrays
