"""Temporary files and folders beside the path that is being written, locked by their writer.

A writer that was killed holds no lock any more: the next writer of the same path removes what the killed one left.
"""

from __future__ import annotations

import itertools
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

__all__ = ["remove_abandoned", "second_name", "staged", "temporary_beside"]

SUFFIX = ".snnconv"  # temporary files are called .NAME.0123abcd.snnconv, beside NAME
ATTEMPTS = 100  # new names that are tried


def staged(target: Path, data: bytes, temporaries: ExitStack) -> Path:
    """Write data to a temporary file beside a target, and return its path.

    Args:
        target: Path of the file to be.
        data: Bytes of the file.
        temporaries: Stack that removes the temporary file in the end.
    """
    path = temporaries.enter_context(temporary_beside(target, _create))
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return path


def _create(path: Path) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))  # the system takes the umask off


def second_name(target: Path, temporaries: ExitStack) -> Path | None:
    """Return a second path of a file that is about to be replaced, a link or else a copy; None of a new file."""
    if not target.exists():
        return None

    def link(path: Path) -> None:
        try:
            os.link(target, path)
        except FileExistsError:
            raise
        except OSError:
            shutil.copy2(target, path)

    return temporaries.enter_context(temporary_beside(target, link))


@contextmanager
def temporary_beside(target: Path, create: Callable[[Path], None]) -> Iterator[Path]:
    """Yield a temporary path beside a target, removed in the end, or by the next writer if this one is killed.

    Args:
        target: Path of the file or folder to be.
        create: Function that creates the file or folder at the temporary path.
    """
    path, handle = _locked(target, create)
    try:
        yield path
    finally:
        _remove(path)
        if handle is not None:
            os.close(handle)


def _locked(target: Path, create: Callable[[Path], None]) -> tuple[Path, int | None]:
    """Create a file or folder under a new name beside a target and lock it; return its path and descriptor."""
    for attempt in itertools.count(1):
        path = target.with_name(f".{target.name}.{secrets.token_hex(4)}{SUFFIX}")
        try:
            create(path)
            handle = os.open(path, os.O_RDONLY) if sys.platform != "win32" else None
        except (FileExistsError, FileNotFoundError):
            if attempt == ATTEMPTS or not target.parent.is_dir():  # folders such as /proc hold no new file
                raise
            continue  # the name is taken; or another writer took the file for abandoned before it was open
        except PermissionError:
            if not os.path.lexists(path):
                raise
            return path, None  # what nobody can open nobody takes for abandoned
        except BaseException:
            _remove(path)
            raise
        if handle is None or not _lock(handle, alone=False) or os.path.lexists(path):
            return path, handle
        os.close(handle)  # another writer took it for abandoned before it was locked
    raise AssertionError("an endless count has ended")


def _remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _lock(handle: int, *, alone: bool) -> bool:
    """Lock an open file or folder until it is closed or this process ends.

    Args:
        handle: Descriptor of the file or folder.
        alone: True to lock it only if nobody else has, False to lock it together with others.

    Returns:
        True if it is locked; some file systems have no locks.
    """
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
    except OSError:
        return False
    return True


def remove_abandoned(target: Path) -> None:
    """Remove the temporary files that killed writers of a target left; those that cannot be removed stay."""
    ours = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{8}}{re.escape(SUFFIX)}")
    with suppress(OSError):
        for name in os.listdir(target.parent):
            if ours.fullmatch(name):
                with suppress(OSError):
                    _remove_if_abandoned(target.with_name(name), target)


def _remove_if_abandoned(path: Path, target: Path) -> None:
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        if _lock(handle, alone=True):
            old = path / "old"
            if old.is_dir() and not target.exists():  # killed between moving the old folder away and the new one there
                old.rename(target)
            _remove(path)
    finally:
        os.close(handle)
