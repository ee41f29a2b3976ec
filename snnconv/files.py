"""Files written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from snnconv.errors import FileError

__all__ = ["require_writable", "write_atomically", "write_together"]


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that at every moment the old one or the new one is there, whole.

    Raises:
        FileError: the folder is missing or not writable, or the disk is full; the old file is untouched.
    """
    write_together({path: data})


def write_together(files: Mapping[str | os.PathLike[str], bytes]) -> None:
    """Write files that belong together: each at every moment old or new, whole; in the end all are new, or all old.

    Args:
        files: what to write, by path; different files.

    Raises:
        FileError: a folder is missing or not writable, or the disk is full; the old files are as they were.
    """
    targets = [_target(path) for path in files]
    made: list[Path] = []  # temporary files that are still there
    written: list[tuple[Path, Path | None]] = []  # targets that are new, and where their old file is kept
    target = targets[0]
    try:
        staged = []
        for target, data in zip(targets, files.values(), strict=True):
            staged.append(_stage(target, data, made))
        kept = [_keep(target, made) if len(targets) > 1 else None for target in targets]
        for target, temporary, old in zip(targets, staged, kept, strict=True):
            temporary.replace(target)
            written.append((target, old))
        written.clear()
    except OSError as error:
        raise FileError(f"{target} cannot be written: {error.strerror or error}. Name another path with -o.") from error
    finally:
        for target, old in written:
            if old is None:
                target.unlink(missing_ok=True)
            else:
                os.replace(old, target)
        for temporary in made:
            temporary.unlink(missing_ok=True)


def _stage(target: Path, data: bytes, made: list[Path]) -> Path:
    """The data in a temporary file beside the target."""
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
        made.append(Path(file.name))
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    made[-1].chmod(0o666 & ~_umask())
    return made[-1]


def _keep(target: Path, made: list[Path]) -> Path | None:
    """A second name, or where there are none a copy, of a file that is about to be replaced; None of a new one."""
    if not target.exists():
        return None
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    os.close(handle)
    kept = Path(name)
    made.append(kept)
    kept.unlink()
    try:
        os.link(target, kept)
    except OSError:
        shutil.copy2(target, kept)
    return kept


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
