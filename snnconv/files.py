"""Files written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from snnconv.errors import FileError

__all__ = ["require_replaceable", "require_writable", "write_atomically", "write_folder_atomically"]


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


def require_replaceable(path: str | os.PathLike[str], replaceable: Callable[[Path], bool], what: str) -> None:
    """Refuse a path where a folder cannot be written, before work that would be lost.

    Args:
        path: where a folder is to be.
        replaceable: whether a folder that is there, and not empty, may be replaced.
        what: such a folder, in words.

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
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}."):
            pass
    except OSError as error:
        raise FileError(f"{target} cannot be written: {error.strerror or error}. Name another path with -o.") from error


def write_folder_atomically(path: str | os.PathLike[str], files: Mapping[str, bytes]) -> None:
    """Write a folder so that it is there whole or not at all; a folder that is there is replaced with all it holds.

    Raises:
        FileError: it cannot be written, or the disk is full; what was there is untouched.
    """
    target = Path(path)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as temporary:
            made, old = Path(temporary) / "new", Path(temporary) / "old"
            made.mkdir()
            for name, data in files.items():
                with open(made / name, "xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            if target.exists():
                target.rename(old)
            try:
                made.rename(target)
            except BaseException:
                if old.exists():
                    old.rename(target)
                raise
    except OSError as error:
        raise FileError(f"{target} cannot be written: {error.strerror or error}. Name another path with -o.") from error
