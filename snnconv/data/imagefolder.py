"""A folder with one subfolder of image files a class: the scheme `imagefolder`."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from snnconv.data.imagefiles import FileSource
from snnconv.data.scheme import Purpose
from snnconv.errors import FileError

__all__ = ["read_imagefolder"]

_TRAIN = ("train",)
_HELD_OUT = ("val", "test")


def read_imagefolder(where: str, purpose: Purpose) -> FileSource:
    """Return images and classes of DIR, or of its part for the purpose where DIR is split.

    DIR is split where its only subfolders are `train` and `val` or `test`, or where it has `train` and one of
    these: `train` serves training and calibration, `val` (else `test`) evaluation.

    Raises:
        FileError: The folder is missing or holds no image in class folders.
    """
    from torchvision.datasets import ImageFolder  # takes seconds

    root = _part(Path(os.path.expanduser(where)), purpose)
    try:
        folder = ImageFolder(str(root), allow_empty=True)
    except OSError as error:
        raise FileError(f"{root} is no folder of images ({error}). {_form(root)}") from error
    if not folder.samples:
        raise FileError(f"{root} has no image file in its subfolders. {_form(root)}")
    labels = np.array([label for _, label in folder.samples], dtype=np.int64)
    return FileSource(tuple(Path(path) for path, _ in folder.samples), labels, tuple(folder.classes))


def _part(root: Path, purpose: Purpose) -> Path:
    """Return the folder of the part for a purpose; the whole where it is not split."""
    if not os.path.isdir(root):
        raise FileError(f"{root} is not there or is no folder. {_form(root)}")
    try:
        present = {entry.name for entry in root.iterdir() if entry.is_dir()}
    except OSError as error:
        raise FileError(f"{root} cannot be read: {error.strerror or error}.") from error
    split = "train" in present and not present.isdisjoint(_HELD_OUT)
    if not split and (not present or not present <= {*_TRAIN, *_HELD_OUT}):
        return root
    parts = _HELD_OUT if purpose == "eval" else _TRAIN
    for name in parts:
        if name in present:
            return root / name
    raise FileError(
        f"{root} has {', '.join(sorted(present))} but no {' or '.join(parts)}, which {purpose} reads. "
        "Add it, or name one of the folders that are there."
    )


def _form(root: Path) -> str:
    return f"Give a folder with one subfolder a class: {root}/CLASS/IMAGE, or train and val with these."
