"""Locks: at most one process at a time does work that ends in the same file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from snnconv.errors import FileError

if sys.platform != "win32":
    import fcntl

__all__ = ["locked"]


@contextmanager
def locked(path: Path, work: str) -> Iterator[None]:
    """Hold a lock meanwhile; the system takes it from a process that ends in whatever way.

    File systems and platforms without locks are worked on without.

    Args:
        path: Path of the lock, a file that is there while it is held, and after a kill.
        work: Words for what only one process may do, such as "training that writes net.onnx".

    Raises:
        FileError: Another process holds the lock, or its file cannot be made.
    """
    if sys.platform == "win32":
        yield
        return
    descriptor = _opened(path, work)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _opened(path: Path, work: str) -> int:
    """Return the descriptor of the lock's file, which is locked where the file system has locks."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise FileError(f"{path} cannot be written: {error.strerror}. Name another output with -o.") from error
        if sys.platform == "win32":
            return descriptor
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            os.close(descriptor)
            raise FileError(
                f"Another process is at the {work}: wait for it, or name another output with -o."
            ) from error
        except OSError:  # such as a network file system without locks
            return descriptor
        if _is_file_of(descriptor, path):
            return descriptor
        os.close(descriptor)  # its former holder has removed it meanwhile


def _is_file_of(descriptor: int, path: Path) -> bool:
    """Return whether an open file is the one that is found by a path."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
