"""What a killed writer leaves, and what is no regular file."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from snnconv.errors import FileError
from snnconv.files import require_regular, temporary, write_atomically, write_folder_atomically, write_together

KILLED = """
import os, signal, sys
from pathlib import Path
from snnconv import files
if sys.argv[1] == "replace":
    Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
elif sys.argv[1] == "rename":
    renamed = []
    rename = Path.rename
    def kill(path, target):
        rename(path, target)
        os.kill(os.getpid(), signal.SIGKILL)
    Path.rename = kill
else:
    os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
getattr(files, sys.argv[2])(*eval(sys.argv[3]))
"""


def killed(where: str, write: str, *arguments: object) -> None:
    """Write in a process that is killed on the way."""
    command = [sys.executable, "-c", KILLED, where, write, repr(arguments)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_the_next_writer_removes_what_a_killed_one_left(where, tmp_path):
    path, other = tmp_path / "net.onnx", tmp_path / "other.onnx"
    path.write_bytes(b"old")
    killed(where, "write_atomically", str(path), b"half")
    killed(where, "write_together", {str(other): b"half", str(path): b"half"})
    assert path.read_bytes() == b"old"
    assert len(names(tmp_path)) > 2
    write_atomically(path, b"new")
    assert not [name for name in names(tmp_path) if name.startswith(".net")]
    write_atomically(other, b"new")
    assert names(tmp_path) == ["net.onnx", "other.onnx"]


def test_a_folder_that_a_killed_writer_moved_away_comes_back(tmp_path):
    path = tmp_path / "chip"
    write_folder_atomically(path, {"graph.json": b"old"})
    killed("rename", "write_folder_atomically", str(path), {"graph.json": b"new"})
    assert not path.exists()
    with pytest.raises(FileError):
        write_folder_atomically(path, {"no/such/name": b""})
    assert (path / "graph.json").read_bytes() == b"old"
    assert names(tmp_path) == ["chip"]


def test_a_live_writer_keeps_what_it_is_writing(tmp_path, monkeypatch):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"old")
    real, met = os.fsync, []

    def write_meanwhile(handle: int) -> None:
        real(handle)
        if not met:
            met.append(names(tmp_path))
            other = f"from snnconv.files import write_together; write_together({{{str(path)!r}: b'other'}})"
            subprocess.run([sys.executable, "-c", other], check=True)
            met.append(names(tmp_path))

    monkeypatch.setattr(os, "fsync", write_meanwhile)
    write_together({path: b"new", tmp_path / "page.html": b"page"})
    assert met[0] == met[1]
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["net.onnx", "page.html"]


def test_many_writers_of_one_file(tmp_path):
    path = tmp_path / "net.onnx"
    failures: list[Exception] = []

    def write(content: bytes) -> None:
        for _ in range(30):
            try:
                write_together({path: content, path.with_suffix(".json"): content})
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=write, args=(bytes([number]) * 1000,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(set(path.read_bytes())) == 1
    assert names(tmp_path) == ["net.json", "net.onnx"]


def test_files_of_others_stay(tmp_path):
    others = [".net.onnx.backup", ".net.onnx.0123456789.snnconv", ".other.onnx.01234567.snnconv"]
    for name in others:
        (tmp_path / name).write_bytes(b"")
    os.mkfifo(tmp_path / ".net.onnx.00000000.snnconv")
    write_atomically(tmp_path / "net.onnx", b"new")
    assert set(others) < set(names(tmp_path))


def test_where_there_are_no_locks_nothing_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(temporary, "_lock", lambda *_, **__: False)
    (tmp_path / ".net.onnx.01234567.snnconv").write_bytes(b"of another")
    write_atomically(tmp_path / "net.onnx", b"new")
    assert names(tmp_path) == [".net.onnx.01234567.snnconv", "net.onnx"]


def test_the_umask_is_never_changed(tmp_path, monkeypatch):
    before = os.umask(0o027)
    try:
        monkeypatch.setattr(os, "umask", lambda _: pytest.fail("files that other threads make would be open to all"))
        write_atomically(tmp_path / "net.onnx", b"new")
        write_folder_atomically(tmp_path / "chip", {"graph.json": b"{}"})
    finally:
        monkeypatch.undo()
        os.umask(before)
    assert (tmp_path / "net.onnx").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "chip").stat().st_mode & 0o777 == 0o750


def test_what_is_no_regular_file_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
    for name, kind in {"pipe": "a pipe", "socket": "a socket", os.devnull: "a device"}.items():
        with pytest.raises(FileError, match=re.escape(f"{name} is {kind}")):
            require_regular(name)
    for name in (".", "missing", "x" * 5000, "a\0b"):
        require_regular(name)
