"""Files and folders, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from snnconv.files.checks import target_of, unwritable
from snnconv.files.temporary import remove_abandoned, second_name, staged, temporary_beside

__all__ = ["write_atomically", "write_folder_atomically", "write_together"]


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that at every moment the old one or the new one is there, whole.

    Raises:
        FileError: the folder is missing or not writable, or the disk is full; the old file is untouched.
    """
    write_together({path: data})


def write_together(files: Mapping[str | os.PathLike[str], bytes]) -> None:
    """Write files that belong together: each at every moment old or new, whole; in the end all are new, or all old.

    Args:
        files: Bytes of each file, by its path; the paths are different files.

    Raises:
        FileError: a folder is missing or not writable, or the disk is full; the old files are as they were.
    """
    targets = [target_of(path) for path in files]
    target = targets[0]
    try:
        with ExitStack() as temporaries:
            new_paths = []
            for target, data in zip(targets, files.values(), strict=True):
                remove_abandoned(target)
                new_paths.append(staged(target, data, temporaries))
            old_paths = [second_name(target, temporaries) if len(targets) > 1 else None for target in targets]
            _replace_all(targets, new_paths, old_paths)
    except OSError as error:
        raise unwritable(target, error) from error


def _replace_all(targets: Sequence[Path], new_paths: Sequence[Path], old_paths: Sequence[Path | None]) -> None:
    """Put new files in the places of targets, all of them or none.

    Args:
        targets: Paths of the files to be.
        new_paths: Temporary paths of the new files.
        old_paths: Second paths of the old files; None of a target that does not exist yet.
    """
    written: list[tuple[Path, Path | None]] = []
    try:
        for target, new, old in zip(targets, new_paths, old_paths, strict=True):
            new.replace(target)
            written.append((target, old))
        written.clear()
    finally:
        _restore(written)


def _restore(written: list[tuple[Path, Path | None]]) -> None:
    """Put old files back in the places of new ones, as not all files could be written."""
    for target, old in written:
        if old is None:
            target.unlink(missing_ok=True)
        else:
            os.replace(old, target)


def write_folder_atomically(path: str | os.PathLike[str], files: Mapping[str, bytes]) -> None:
    """Write a folder whole or not at all; a folder that exists is replaced with all it holds.

    Args:
        path: Path of the folder.
        files: Bytes of each file, by its name in the folder.

    Raises:
        FileError: the folder cannot be written, or the disk is full; the old folder is untouched.
    """
    target = Path(path)
    try:
        remove_abandoned(target)
        with temporary_beside(target, Path.mkdir) as temporary:
            new, old = temporary / "new", temporary / "old"
            new.mkdir()
            for name, data in files.items():
                with open(new / name, "xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            _exchange(target, new, old)
    except OSError as error:
        raise unwritable(target, error) from error


def _exchange(target: Path, new: Path, old: Path) -> None:
    """Move a folder away, if it exists, and the new one into its place; put the old one back if that fails."""
    if target.exists():
        target.rename(old)
    try:
        new.rename(target)
    except BaseException:
        if old.exists():
            old.rename(target)
        raise
