"""Refusals of paths, before work that would be lost."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from snnconv.errors import FileError
from snnconv.files.temporary import staged, temporary_beside

__all__ = ["require_regular", "require_replaceable", "require_writable", "target_of", "unwritable"]


def require_writable(path: str | os.PathLike[str]) -> None:
    """Refuse a path that cannot be written, before work that would be lost.

    Raises:
        FileError: the folder is missing or not writable, or the path is a folder or a device.
    """
    target = target_of(path)
    if not os.path.isdir(target.parent):
        raise FileError(f"{target} cannot be written: the folder {target.parent} does not exist.")
    try:
        with ExitStack() as temporaries:
            staged(target, b"", temporaries)
    except OSError as error:
        raise unwritable(target, error) from error


def require_regular(path: str | os.PathLike[str]) -> None:
    """Refuse a pipe, device or socket, which would block its reader or never end; other paths are the reader's affair.

    Raises:
        FileError: the path is a pipe, a device or a socket.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        kinds = ((stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
        kind = next((words for test, words in kinds if test(mode)), "a device")
        raise FileError(f"{os.fspath(path)} is {kind}, which is not read: name a regular file.")


def require_replaceable(path: str | os.PathLike[str], replaceable: Callable[[Path], bool], what: str) -> None:
    """Refuse a path where a folder cannot be written, before work that would be lost.

    Args:
        path: Path of the folder to be.
        replaceable: Function that tells if a folder that exists, and is not empty, may be replaced.
        what: Words for a folder that may be replaced.

    Raises:
        FileError: the folder around it is missing or not writable, or something that may not be replaced is there.
    """
    target = Path(path)
    if os.path.islink(target) or (os.path.exists(target) and not os.path.isdir(target)):
        raise FileError(f"{target} is no folder: name one to write with -o.")
    if not os.path.isdir(target.parent):
        raise FileError(f"{target} cannot be written: the folder {target.parent} does not exist.")
    try:
        if os.path.isdir(target) and os.listdir(target) and not replaceable(target):
            raise FileError(f"{target} is a folder that holds something other than {what}: name another one with -o.")
        with temporary_beside(target, Path.mkdir):
            pass
    except OSError as error:
        raise unwritable(target, error) from error


def target_of(path: str | os.PathLike[str]) -> Path:
    """Return a path as that of a file to be.

    Raises:
        FileError: the path is a folder, a device or a pipe.
    """
    target = Path(path)  # os.path, unlike pathlib, has an answer for names that no file can have
    if os.path.isdir(target):
        raise FileError(f"{target} is a folder: name a file to write.")
    if os.path.exists(target) and not os.path.isfile(target):
        raise FileError(f"{target} is no regular file: name a file to write.")
    return target


def unwritable(target: Path, error: OSError) -> FileError:
    """Return the refusal of a path that the system does not let us write."""
    return FileError(f"{target} cannot be written: {error.strerror or error}. Name another path with -o.")
