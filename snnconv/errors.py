"""The errors a user can meet. Each says what was given, what is allowed and what to do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "DataError",
    "DivergenceError",
    "FileError",
    "InvalidValueError",
    "ModelError",
    "SnnconvError",
    "SnnconvWarning",
    "UnsupportedNode",
    "UnsupportedOperatorsError",
    "VerificationError",
    "is_out_of_memory",
    "unreadable",
]


class SnnconvError(Exception):
    """Base of every error that is the input's fault; the command line turns it into exit code 2."""


class SnnconvWarning(UserWarning):
    """Something a user should know, although the work goes on."""


class InvalidValueError(SnnconvError, ValueError):
    """A parameter is outside what is allowed."""


class FileError(SnnconvError):
    """A file is missing, damaged, of the wrong kind, or cannot be written."""


class ModelError(SnnconvError):
    """A network is well formed but is not one that can be used here."""


class DataError(SnnconvError):
    """A data set does not fit: its rank, channels, range, labels or size."""


class VerificationError(SnnconvError):
    """A converted network differs from the quantized network it was made from."""


@dataclass(frozen=True)
class UnsupportedNode:
    """One node that stands in the way: its name in the file, its operator, and why."""

    name: str
    operator: str
    reason: str

    def __str__(self) -> str:
        return f"{self.operator} {self.name!r}: {self.reason}"


class UnsupportedOperatorsError(ModelError):
    """Nodes that cannot be handled, all of them at once.

    Attributes:
        nodes: every offending node, in the order of the file.
    """

    def __init__(self, headline: str, nodes: Sequence[UnsupportedNode]) -> None:
        self.nodes = tuple(nodes)
        super().__init__("\n".join([f"{headline} ({len(self.nodes)}):", *(f"  {node}" for node in self.nodes)]))


class DivergenceError(SnnconvError):
    """A training that no longer computes finite numbers."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error is one of Python's, numpy's or torch's ways to say that memory did not suffice."""
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"  # torch is not imported for it
    return named or "allocate memory" in str(error)


def unreadable(path: str | os.PathLike[str], error: BaseException, otherwise: str) -> FileError:
    """Return the error of a file that could not be read: memory did not suffice, or what the reader makes of it.

    Args:
        path: The file.
        error: What its reader raised.
        otherwise: The message where memory did suffice.
    """
    if is_out_of_memory(error):
        reason = str(error).rstrip(".") or "the system gave no more"
        return FileError(f"{os.fspath(path)} does not fit into memory ({reason}). Free some, or give a smaller file.")
    return FileError(otherwise)
