"""Files written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from snnconv.errors import FileError

__all__ = ["require_writable", "write_atomically"]


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that at every moment the old one or the new one is there, whole.

    Raises:
        FileError: the folder is missing or not writable, or the disk is full; the old file is untouched.
    """
    target = _target(path)
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
        temporary = None
    except OSError as error:
        raise FileError(f"{target} cannot be written: {error.strerror or error}. Name another path with -o.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def require_writable(path: str | os.PathLike[str]) -> None:
    """Refuse a path that cannot be written, before work that would be lost.

    Raises:
        FileError: the folder is missing or not writable, or the path is a folder or a device.
    """
    target = _target(path)
    if not os.path.isdir(target.parent):
        raise FileError(f"{target} cannot be written: the folder {target.parent} does not exist.")
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}."):
            pass
    except OSError as error:
        raise FileError(f"{target} cannot be written: {error.strerror or error}. Name another path with -o.") from error


def _target(path: str | os.PathLike[str]) -> Path:
    """The path as a file to be; os.path, unlike pathlib, has an answer for names that no file can have."""
    target = Path(path)
    if os.path.isdir(target):
        raise FileError(f"{target} is a folder: name a file to write.")
    if os.path.exists(target) and not os.path.isfile(target):
        raise FileError(f"{target} is no regular file: name a file to write.")
    return target


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
