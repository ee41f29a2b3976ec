"""Arrays out of `.npz` files that anyone may have made."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snnconv.errors import FileError

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
    if not path.is_file():
        raise FileError(f"{path} is not there or is no file. Give {form}.")
    if not zipfile.is_zipfile(path):
        raise FileError(f"{path} cannot be read as .npz, it is no .npz file. Make one with {make}.")
    try:
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise FileError(f"{path} is no .npz file: make one with {make}.")
            names = list(archive.files)
            return names, {name: archive[name] for name in wanted(names) if name in names}
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise FileError(
            f"{path} cannot be read as .npz ({error}). Make it with {make} "
            "from arrays of numbers; pickled objects are refused."
        ) from error
