"""Locks between processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from snnconv.errors import FileError
from snnconv.files import locked
from snnconv.finetune import RunFiles

HOLDER = """
import sys
from pathlib import Path
from snnconv.files import locked
with locked(Path(sys.argv[1]), "work"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def _holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a lock until its input ends."""
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def test_one_process_at_a_time(tmp_path):
    path = tmp_path / "net.lock"
    refused = pytest.raises(FileError, match="Another process is at the painting: wait")
    with _holder(path), refused, locked(path, "painting"):
        pytest.fail("two hold one lock")
    assert not path.exists()
    with locked(path, "painting"):
        assert path.exists()
    assert not path.exists()


def test_a_killed_process_holds_nothing(tmp_path):
    path = tmp_path / "net.lock"
    with _holder(path) as process:
        os.kill(process.pid, signal.SIGKILL)
    assert path.exists()
    with locked(path, "work"):
        pass
    assert not path.exists()


def test_a_lock_goes_where_work_fails(tmp_path):
    with pytest.raises(KeyError), locked(tmp_path / "net.lock", "work"):
        raise KeyError
    assert not (tmp_path / "net.lock").exists()


@pytest.mark.parametrize("resume", [False, True])
def test_a_training_that_another_process_writes_is_refused(tmp_path, resume):
    files = RunFiles.beside(tmp_path / "my.net.onnx", resume=resume)
    with _holder(tmp_path / "my.net.lock"), pytest.raises(FileError, match=r"training that writes .*my\.net"):
        files.check()
    assert not files.checkpoint.exists()
    assert not files.metrics.exists()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with (
        pytest.raises(FileError, match=r"net\.lock cannot be written: No such"),
        locked(tmp_path / "none" / "net.lock", "work"),
    ):
        pytest.fail("there is no such folder")
