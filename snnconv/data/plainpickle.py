"""Read a pickle without trusting it: numbers, text, containers and arrays of numbers, nothing else.

A pickle names functions and has them called while it is read. Here a name is looked up in a table of the few
that arrays are rebuilt from, each of which is a stand-in of ours; any other is refused before it is imported.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from snnconv.errors import DataError, unreadable
from snnconv.files import require_regular

__all__ = ["read_plain_pickle"]


def read_plain_pickle(path: Path) -> dict[Any, Any]:
    """Return the dictionary that a pickle file holds; bytes strings of Python 2 are read as latin1.

    Raises:
        FileError: The file is missing, damaged or no pickle.
        DataError: It asks for something other than plain data, or holds no dictionary.
    """
    require_regular(path)
    try:
        with path.open("rb") as stream:
            entries = _PlainUnpickler(stream, encoding="latin1").load()
        if isinstance(entries, dict):
            return {key: entry.value if isinstance(entry, _Array) else entry for key, entry in entries.items()}
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except Exception as error:  # damaged pickles raise nearly anything
        message = f"{path} is missing or damaged ({type(error).__name__}: {error}). Fetch it again."
        raise unreadable(path, error, message) from error
    raise DataError(f"{path} holds a {type(entries).__name__}; a dictionary is needed.")


class _Dtype:
    """Stands for a numpy.dtype while a file is read: a kind of number and a byte order."""

    def __init__(self, name: str, *_: object) -> None:
        if name not in _NUMBERS:
            raise DataError(f"the file holds an array of {name!r}; allowed are {', '.join(_NUMBERS)}.")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stands for a numpy.ndarray while a file is read, so that nothing of it reaches numpy's own setters."""

    value: NDArray[Any]

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, raw = state
        data = raw.encode("latin1") if isinstance(raw, str) else bytes(raw)
        self._fill(data, dtype, shape, "F" if fortran else "C")

    def _fill(self, data: bytes, dtype: _Dtype, shape: tuple[int, ...], order: Literal["C", "F"]) -> None:
        self.value = np.frombuffer(data, dtype.dtype).reshape(shape, order=order)


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _from_buffer(data: Any, dtype: _Dtype, shape: tuple[int, ...], order: Literal["C", "F"], *_: object) -> _Array:
    array = _Array()
    array._fill(bytes(data), dtype, shape, order)
    return array


def _encode(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise DataError(f"the file asks for the encoding {encoding!r}; only latin1 occurs in arrays.")
    return text.encode("latin1")


_NUMBERS = ("b1", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8")

_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
    ("numpy", "ndarray"): "numpy.ndarray",  # only ever an argument of _reconstruct
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise DataError(
                f"the file asks for {module}.{name}, which plain data never does: it could run code when "
                "it is read, and is refused. Fetch the data set from its source."
            )
        return _ALLOWED[module, name]
