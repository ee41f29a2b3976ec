"""Standard output that takes nothing: one message, exit code 2."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full device")


def ran(*words: str, out: str = os.devnull, err: str | None = None) -> subprocess.CompletedProcess[str]:
    with open(out, "w") as to, open(err or os.devnull, "w") as told:
        return subprocess.run(
            [sys.executable, "-m", "snnconv.cli", *words],
            stdout=to,
            stderr=subprocess.PIPE if err is None else told,
            text=True,
            check=False,
        )


@pytest.mark.parametrize("words", ["--help", "--version", "inspect net.onnx", "inspect net.onnx --json"])
def test_a_full_disk_is_told(words: str, here: Path) -> None:
    full = ran(*words.split(), out="/dev/full")
    assert full.returncode == 2
    assert full.stderr.startswith("error: Standard output cannot be written: No space left on device.")
    assert len(full.stderr.splitlines()) == 1


def test_files_are_written_whole_all_the_same(here: Path) -> None:
    convert = "convert net.onnx --calibration-data npz:data.npz --mean 0 --std 1 -o snn.onnx"
    assert ran(*convert.split(), out="/dev/full").returncode == 2
    assert ran("inspect", "snn.onnx").returncode == 0


def test_an_error_that_cannot_be_told_keeps_its_code(here: Path) -> None:
    assert ran("inspect", "missing.onnx", err="/dev/full").returncode == 2
    assert ran("evaluate", "net.onnx", "--data", "npz:data.npz", err="/dev/full").returncode == 2
