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
    path: Path, wanted: Callable[[Sequence[str]], Iterable[str]], *, form: str, make: str
) -> tuple[list[str], dict[str, NDArray[Any]]]:
    """Names of all arrays in a file, and some of the arrays; nothing else is read, and no object is unpickled.

    Args:
        path: of the file.
        wanted: picks from the names; what it names and the file has not is left out.
        form: how the data spec is written, for whoever names a file that is not there.
        make: the call of numpy.savez that makes such a file.

    Raises:
        FileError: the file is missing, damaged, no `.npz`, or holds pickled objects.
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
            arrays = {name: archive[name] for name in wanted(names) if name in names}
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
