"""Writing a hardware folder: whole or not at all, and over nothing but an earlier one."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from snnconv.errors import FileError
from snnconv.files import require_replaceable, write_folder_atomically
from snnconv.formats.hardware.folder import README
from snnconv.formats.hardware.run import GRAPH, read_folder

__all__ = ["is_earlier_export", "require_folder", "write_hardware"]

OURS = re.compile(r"[0-9]{3,6}_[a-z0-9_]+\.npy")


def is_earlier_export(folder: Path) -> bool:
    """Return whether a folder holds an export, and no file or folder that an export does not write."""
    names = os.listdir(folder)
    if not all((name in (GRAPH, README) or OURS.fullmatch(name)) and (folder / name).is_file() for name in names):
        return False
    try:
        read_folder(folder)
    except FileError:
        return False
    return True


def require_folder(path: str | os.PathLike[str]) -> None:
    """Refuse a path where no folder can be written, before work that would be lost.

    Raises:
        FileError: see `write_hardware`.
    """
    require_replaceable(path, is_earlier_export, "an earlier hardware export")


def write_hardware(path: str | os.PathLike[str], files: Mapping[str, bytes]) -> None:
    """Write a folder; an empty folder, and an earlier export that nothing was added to, is replaced.

    Raises:
        FileError: anything else is in its place, or it cannot be written; what was there is left as it was.
    """
    require_folder(path)
    write_folder_atomically(path, files)
