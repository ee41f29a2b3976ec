"""The errors a user can meet. Each says what was given, what is allowed and what to do."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = [
    "DataError",
    "DivergenceError",
    "FileError",
    "InvalidValueError",
    "ModelError",
    "SnnconvError",
    "SnnconvWarning",
    "UnsupportedGroup",
    "UnsupportedNode",
    "UnsupportedOperatorsError",
    "VerificationError",
    "grouped",
    "is_out_of_memory",
    "unreadable",
]


class SnnconvError(Exception):
    """Base of every error that is the input's fault; the command line turns it into exit code 2."""


class SnnconvWarning(UserWarning):
    """Something a user should know, although the work goes on."""


class InvalidValueError(SnnconvError, ValueError):
    """A setting is outside of what is allowed."""


class FileError(SnnconvError):
    """A file is missing, damaged, of the wrong kind, or cannot be written."""


class ModelError(SnnconvError):
    """A network is well formed, but cannot be used here."""


class DataError(SnnconvError):
    """A data set does not fit: its rank, channels, range, labels or size."""


class VerificationError(SnnconvError):
    """A converted network differs from the quantized network it was made from."""


@dataclass(frozen=True)
class UnsupportedNode:
    """A node that cannot be handled.

    Attributes:
        name: Name of the node in the file.
        operator: Operator of the node.
        reason: Clause that says why the node cannot be handled.
    """

    name: str
    operator: str
    reason: str

    def __str__(self) -> str:
        return f"{self.operator} {self.name!r}: {self.reason}"


@dataclass(frozen=True)
class UnsupportedGroup:
    """Nodes of one operator that cannot be handled, all for the same reason.

    Attributes:
        operator: Operator that the nodes share.
        reason: Reason that the nodes share.
        nodes: The nodes, in the order of the file; one or more.
    """

    operator: str
    reason: str
    nodes: tuple[UnsupportedNode, ...]

    def __str__(self) -> str:
        first = self.nodes[0]
        if len(self.nodes) == 1:
            return str(first)
        return f"{self.operator}: {len(self.nodes):,} nodes, first {first.name!r}: {self.reason}"


def grouped(nodes: Iterable[UnsupportedNode]) -> list[UnsupportedGroup]:
    """Return nodes by operator and reason; operators, and the reasons of one, come in the order of the nodes.

    >>> norms = [UnsupportedNode(f"blocks.{place}.norm", "LayerNorm", "it is not linear") for place in range(2)]
    >>> [str(group) for group in grouped([*norms, UnsupportedNode("gate", "Erf", "it is unknown")])]
    ["LayerNorm: 2 nodes, first 'blocks.0.norm': it is not linear", "Erf 'gate': it is unknown"]
    """
    operators: dict[str, dict[str, list[UnsupportedNode]]] = {}
    for node in nodes:
        operators.setdefault(node.operator, {}).setdefault(node.reason, []).append(node)
    return [
        UnsupportedGroup(operator, reason, tuple(members))
        for operator, reasons in operators.items()
        for reason, members in reasons.items()
    ]


class UnsupportedOperatorsError(ModelError):
    """Nodes that cannot be handled, all of them at once; the message has a line for each operator and reason.

    Attributes:
        nodes: Every offending node, in the order of the file.
    """

    def __init__(self, headline: str, nodes: Sequence[UnsupportedNode]) -> None:
        self.nodes = tuple(nodes)
        super().__init__("\n".join([f"{headline} ({len(self.nodes):,}):", *(f"  {group}" for group in grouped(nodes))]))


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
