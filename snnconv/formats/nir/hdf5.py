"""NIR's HDF5 files as plain values. Anyone may have made them: nothing outside the file is followed, nothing is run.

/version, /node: type, nodes/NAME/{type, arrays, metadata}, edges [E, 2], metadata
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snnconv.errors import FileError, unreadable

__all__ = ["NirNode", "read_tree"]

DEEPEST = 16  # groups within groups, of a graph within a graph two
MOST_BYTES = 1 << 31  # of all arrays of a file, unpacked
MOST_NODES = 100_000

Array = NDArray[Any]
EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class NirNode:
    """One node.

    Attributes:
        kind: NIR's name of its type.
        values: Arrays of numbers and texts, by name.
        metadata: Arrays of numbers and texts of its metadata, by name.
        nodes: Nodes of a graph, by name.
        edges: Edges of a graph, from node to node.
    """

    kind: str
    values: Mapping[str, Array | str] = field(default_factory=lambda: EMPTY)
    metadata: Mapping[str, Array | str] = field(default_factory=lambda: EMPTY)
    nodes: Mapping[str, NirNode] = field(default_factory=lambda: EMPTY)
    edges: tuple[tuple[str, str], ...] = ()


def read_tree(data: bytes, path: Path) -> NirNode:
    """Read the graph of a file.

    Args:
        data: Bytes of the file.
        path: Name of the file, for messages.

    Raises:
        FileError: it is damaged, is HDF5 but not NIR, or refers to other files; or h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise FileError(f"{path} is a NIR file, which is read with h5py: pip install 'snnconv[nir]'.") from error
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            group = _member(file, "node", path)
            if not isinstance(group, h5py.Group):
                raise FileError(f"{path} is HDF5, and no NIR file: it has no group 'node'.")
            tree = _Reader(path).node(group, "node", 0)
    except FileError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError) as error:
        message = f"{path} cannot be read as NIR ({type(error).__name__}: {error}). Write it again."
        raise unreadable(path, error, message) from error
    if tree.kind != "NIRGraph":
        raise FileError(f"{path} holds a single {tree.kind}, not a graph: wrap it in a nir.NIRGraph.")
    return tree


def _member(group: Any, name: str, path: Path) -> Any:
    """Return the member of a group, from this very file; None where there is none."""
    import h5py

    link = group.get(name, getlink=True)
    if link is None:
        return None
    if not isinstance(link, h5py.HardLink):
        raise FileError(f"{path} refers to something outside itself at {name!r}, which is not followed.")
    return group[name]


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = self.bytes = 0

    def node(self, group: Any, name: str, depth: int) -> NirNode:
        """One node, and all within it."""
        import h5py

        self.count += 1
        if depth > DEEPEST or self.count > MOST_NODES:
            raise FileError(f"{self.path} is damaged: its graphs lie {depth} deep, with {self.count} nodes so far.")
        values: dict[str, Array | str] = {}
        nodes: dict[str, NirNode] = {}
        metadata: dict[str, Array | str] = {}
        edges: tuple[tuple[str, str], ...] = ()
        for key in group:
            member = _member(group, key, self.path)
            if isinstance(member, h5py.Dataset):
                if key == "edges":
                    edges = self.edges(member)
                else:
                    values[key] = self.value(member, f"{name}/{key}")
            elif key == "metadata":
                metadata = self.metadata(member, name)
            elif key == "nodes":
                for inner in member:
                    within = _member(member, inner, self.path)
                    if not isinstance(within, h5py.Group):
                        raise FileError(f"{self.path} is damaged: its node {inner!r} is an array.")
                    nodes[inner] = self.node(within, inner, depth + 1)
        kind = values.pop("type", None)
        if not isinstance(kind, str):
            raise FileError(f"{self.path} is damaged: its node {name!r} has no type.")
        return NirNode(kind, values, metadata, nodes, edges)

    def metadata(self, group: Any, name: str) -> dict[str, Array | str]:
        """Texts and arrays of numbers; what is of another kind belongs to others and is left out."""
        import h5py

        metadata = {}
        for key in group:
            member = _member(group, key, self.path)
            if isinstance(member, h5py.Dataset) and (member.dtype.kind in "fiub" or _is_text(member)):
                metadata[key] = self.value(member, f"{name}/metadata/{key}")
        return metadata

    def value(self, dataset: Any, name: str) -> Array | str:
        """An array of numbers, or a text."""
        self._check(dataset, name)
        if _is_text(dataset):
            text = dataset[()]
            if not isinstance(text, (bytes, str)):
                raise FileError(f"{self.path} is damaged: {name!r} is an array of texts.")
            return text.decode("utf8") if isinstance(text, bytes) else text
        if dataset.dtype.kind not in "fiub":
            raise FileError(f"{self.path} is damaged: {name!r} holds {dataset.dtype}, which is no number.")
        return np.asarray(dataset[()])

    def edges(self, dataset: Any) -> tuple[tuple[str, str], ...]:
        """Pairs of names."""
        self._check(dataset, "edges")
        rows = dataset[()]
        if not _is_text(dataset) or not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.shape[1] != 2:
            raise FileError(f"{self.path} is damaged: its edges are no pairs of names.")
        texts = [[word.decode("utf8") if isinstance(word, bytes) else str(word) for word in row] for row in rows]
        return tuple((source, target) for source, target in texts)

    def _check(self, dataset: Any, name: str) -> None:
        if dataset.is_virtual or dataset.external:
            raise FileError(f"{self.path} keeps {name!r} in another file, which is not read.")
        self.bytes += math.prod(dataset.shape or ()) * dataset.dtype.itemsize
        if self.bytes > MOST_BYTES:
            raise FileError(
                f"{self.path} is damaged: with {name!r} of shape {list(dataset.shape or ())} its arrays take "
                f"{self.bytes} bytes; {MOST_BYTES} at most are read."
            )


def _is_text(dataset: Any) -> bool:
    import h5py

    return h5py.check_string_dtype(dataset.dtype) is not None
