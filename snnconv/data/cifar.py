"""CIFAR-10 and CIFAR-100 in torchvision's folder layout.

The files are pickles, read as plain data only (see `plainpickle`). No checksum is needed, so subsets, files
with fewer images or fewer training files, can be opened too.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from snnconv.data.arrays import ArraySource
from snnconv.data.plainpickle import read_plain_pickle
from snnconv.data.scheme import Purpose
from snnconv.data.sources import to_labels
from snnconv.errors import DataError, FileError, SnnconvWarning

__all__ = ["read_cifar10", "read_cifar100"]


@dataclass(frozen=True)
class _Layout:
    """Names of the files in the folder and of the entries in the files."""

    scheme: str
    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    meta: str
    labels: str
    names: str
    classes: int


_CIFAR10 = _Layout(
    scheme="cifar10",
    folder="cifar-10-batches-py",
    train=tuple(f"data_batch_{number}" for number in range(1, 6)),
    test=("test_batch",),
    meta="batches.meta",
    labels="labels",
    names="label_names",
    classes=10,
)
_CIFAR100 = _Layout(
    scheme="cifar100",
    folder="cifar-100-python",
    train=("train",),
    test=("test",),
    meta="meta",
    labels="fine_labels",
    names="fine_label_names",
    classes=100,
)


def read_cifar10(where: str, purpose: Purpose) -> ArraySource:
    """Return CIFAR-10 from the folder `cifar-10-batches-py` or the one that holds it.

    Raises:
        FileError: The folder or its files are missing or damaged.
        DataError: A file holds something other than CIFAR images and labels.
    """
    return _read(_CIFAR10, where, purpose)


def read_cifar100(where: str, purpose: Purpose) -> ArraySource:
    """Return CIFAR-100 with its 100 fine labels, from `cifar-100-python` or the folder that holds it.

    Raises:
        FileError: The folder or its files are missing or damaged.
        DataError: A file holds something other than CIFAR images and labels.
    """
    return _read(_CIFAR100, where, purpose)


def _read(layout: _Layout, where: str, purpose: Purpose) -> ArraySource:
    names = layout.test if purpose == "eval" else layout.train
    folder = _find(layout, Path(os.path.expanduser(where)), names)
    present = [name for name in names if os.path.isfile(folder / name)]
    if len(present) < len(names):
        missing = ", ".join(name for name in names if name not in present)
        warnings.warn(f"{folder}: without {missing}; the files that are there are used.", SnnconvWarning, stacklevel=2)
    parts = [_read_part(layout, folder / name) for name in present]
    x = np.concatenate([x for x, _ in parts])
    labels = np.concatenate([y for _, y in parts])
    if len(x) == 0:
        raise DataError(f"{folder}: {', '.join(present)} hold no image: at least one is needed.")
    return ArraySource(x, 1, labels, _class_names(layout, folder / layout.meta))


def _find(layout: _Layout, root: Path, names: tuple[str, ...]) -> Path:
    for folder in (root / layout.folder, root):
        if any(os.path.isfile(folder / name) for name in names):
            return folder
    raise FileError(
        f"{layout.scheme}:{root}: neither {root / layout.folder} nor {root} holds "
        f"{' or '.join(names)}. Give the folder {layout.folder!r} of the unpacked Python version of the "
        "data set, or the folder that holds it."
    )


def _read_part(layout: _Layout, path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    entries = read_plain_pickle(path)
    if "data" not in entries or layout.labels not in entries:
        raise DataError(
            f"{path} holds {sorted(map(str, entries))}: a {layout.scheme} file has 'data' and {layout.labels!r}."
        )
    x = entries["data"]
    if not isinstance(x, np.ndarray) or x.dtype != np.uint8 or x.ndim != 2 or x.shape[1] != 3072:
        content = f"{x.dtype} {list(x.shape)}" if isinstance(x, np.ndarray) else type(x).__name__
        raise DataError(f"{path}: 'data' is {content}; a {layout.scheme} file has uint8 [n, 3072].")
    labels = to_labels(entries[layout.labels], len(x), str(path))
    if (labels >= layout.classes).any():
        raise DataError(f"{path}: label {labels.max()}; {layout.scheme} has 0..{layout.classes - 1}.")
    return x.reshape(-1, 3, 32, 32), labels  # rows are C, H, W flattened


def _class_names(layout: _Layout, path: Path) -> tuple[str, ...]:
    """Return names by class; where the file that lists them is absent, the numbers."""
    if not os.path.isfile(path):
        return tuple(str(number) for number in range(layout.classes))
    names = read_plain_pickle(path).get(layout.names)
    if not isinstance(names, list) or len(names) != layout.classes or not all(isinstance(n, str) for n in names):
        raise DataError(f"{path}: {layout.names!r} is {names!r:.80}; it must list {layout.classes} names.")
    return tuple(names)
