"""Files written whole or not at all.

What is not whole yet lies beside its target under another name, and its writer holds a lock on it. A writer that was
killed holds no lock any more: whoever writes the same target next removes what it left.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from snnconv.errors import FileError

__all__ = [
    "require_regular",
    "require_replaceable",
    "require_writable",
    "write_atomically",
    "write_folder_atomically",
    "write_together",
]

SUFFIX = ".snnconv"  # of what is not whole yet: .NAME.0123abcd.snnconv beside NAME


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
    written: list[tuple[Path, Path | None]] = []  # targets that are new, and where their old file is kept
    target = targets[0]
    try:
        with ExitStack() as temporaries:
            staged = []
            for target, data in zip(targets, files.values(), strict=True):
                _remove_abandoned(target)
                staged.append(_stage(target, data, temporaries))
            kept = [_keep(target, temporaries) if len(targets) > 1 else None for target in targets]
            try:
                for target, temporary, old in zip(targets, staged, kept, strict=True):
                    temporary.replace(target)
                    written.append((target, old))
                written.clear()
            finally:
                _restore(written)
    except OSError as error:
        raise _unwritable(target, error) from error


def _restore(written: list[tuple[Path, Path | None]]) -> None:
    """Undo what was written, where not all could be."""
    for target, old in written:
        if old is None:
            target.unlink(missing_ok=True)
        else:
            os.replace(old, target)


def _unwritable(target: Path, error: OSError) -> FileError:
    return FileError(f"{target} cannot be written: {error.strerror or error}. Name another path with -o.")


def _stage(target: Path, data: bytes, temporaries: ExitStack) -> Path:
    """Write the data to a temporary file beside the target."""
    temporary = temporaries.enter_context(_temporary(target, _create))
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _create(path: Path) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))  # the system itself takes the umask off


def _keep(target: Path, temporaries: ExitStack) -> Path | None:
    """Give a file that is about to be replaced a second name, or where there are none copy it; None of a new one."""
    if not target.exists():
        return None

    def link(path: Path) -> None:
        try:
            os.link(target, path)
        except FileExistsError:
            raise
        except OSError:
            shutil.copy2(target, path)

    return temporaries.enter_context(_temporary(target, link))


@contextmanager
def _temporary(target: Path, create: Callable[[Path], None]) -> Iterator[Path]:
    """Create something beside a target that is removed in the end, and by the next writer should this one be killed."""
    path, handle = _locked(target, create)
    try:
        yield path
    finally:
        _remove(path)
        if handle is not None:
            os.close(handle)


def _locked(target: Path, create: Callable[[Path], None]) -> tuple[Path, int | None]:
    """Create something under a new name beside a target, and lock it."""
    while True:
        path = target.with_name(f".{target.name}.{secrets.token_hex(4)}{SUFFIX}")
        try:
            create(path)
            handle = os.open(path, os.O_RDONLY) if sys.platform != "win32" else None
        except (FileExistsError, FileNotFoundError):
            if not target.parent.is_dir():
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


def _remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _lock(handle: int, *, alone: bool) -> bool:
    """Lock what is open until it is closed or this process ends.

    Args:
        handle: Its descriptor.
        alone: Whether to lock it only if nobody else has, rather than together with others.

    Returns:
        Whether it is locked: some file systems have no locks.
    """
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
    except OSError:
        return False
    return True


def _remove_abandoned(target: Path) -> None:
    """Remove what killed writers of a target left beside it; what cannot be removed stays."""
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


def require_writable(path: str | os.PathLike[str]) -> None:
    """Refuse a path that cannot be written, before work that would be lost.

    Raises:
        FileError: the folder is missing or not writable, or the path is a folder or a device.
    """
    target = _target(path)
    if not os.path.isdir(target.parent):
        raise FileError(f"{target} cannot be written: the folder {target.parent} does not exist.")
    try:
        with ExitStack() as temporaries:
            _stage(target, b"", temporaries)
    except OSError as error:
        raise _unwritable(target, error) from error


def require_regular(path: str | os.PathLike[str]) -> None:
    """Refuse what would block its reader or never end; what is a folder or not there is the reader's own affair.

    Raises:
        FileError: It is a pipe, a device or a socket.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        kinds = ((stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
        kind = next((words for test, words in kinds if test(mode)), "a device")
        raise FileError(f"{os.fspath(path)} is {kind}, which is not read: name a regular file.")


def _target(path: str | os.PathLike[str]) -> Path:
    """The path as a file to be; os.path, unlike pathlib, has an answer for names that no file can have."""
    target = Path(path)
    if os.path.isdir(target):
        raise FileError(f"{target} is a folder: name a file to write.")
    if os.path.exists(target) and not os.path.isfile(target):
        raise FileError(f"{target} is no regular file: name a file to write.")
    return target


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
        with _temporary(target, Path.mkdir):
            pass
    except OSError as error:
        raise _unwritable(target, error) from error


def write_folder_atomically(path: str | os.PathLike[str], files: Mapping[str, bytes]) -> None:
    """Write a folder so that it is there whole or not at all; a folder that is there is replaced with all it holds.

    Raises:
        FileError: it cannot be written, or the disk is full; what was there is untouched.
    """
    target = Path(path)
    try:
        _remove_abandoned(target)
        with _temporary(target, Path.mkdir) as temporary:
            made, old = temporary / "new", temporary / "old"
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
        raise _unwritable(target, error) from error
