"""A page and its numbers: both written or neither, whatever goes wrong."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from snnconv.errors import FileError
from snnconv.files import write_together
from snnconv.reporting.write import check_output, write


def fail(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("old", [{}, {"r.html": b"old page"}, {"r.html": b"old page", "r.json": b"old numbers"}])
@pytest.mark.parametrize(("where", "what"), [(os, "fsync"), (os, "open"), (Path, "replace")])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_full_disk_leaves_what_was_there(old, where, what, nth, tmp_path, monkeypatch):
    for name, data in old.items():
        (tmp_path / name).write_bytes(data)
    real, calls = getattr(where, what), []

    def sometimes(*given, **more):
        calls.append(given)
        return fail() if len(calls) == nth else real(*given, **more)

    monkeypatch.setattr(where, what, sometimes)
    with pytest.raises(FileError, match="No space left"):
        write(tmp_path / "r.html", "<p>new</p>", {"new": 1})
    assert len(calls) >= nth
    assert contents(tmp_path) == old


def test_no_second_name_for_a_file(tmp_path, monkeypatch):
    """File systems without hard links: a copy is kept."""
    (tmp_path / "r.html").write_bytes(b"old")
    monkeypatch.setattr(os, "link", fail)
    real, calls = Path.replace, []

    def second_fails(*given):
        calls.append(given)
        return fail() if len(calls) == 2 else real(*given)

    monkeypatch.setattr(Path, "replace", second_fails)
    with pytest.raises(FileError):
        write(tmp_path / "r.html", "new", {})
    assert contents(tmp_path) == {"r.html": b"old"}


def test_an_interruption_leaves_what_was_there(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"old")
    real, calls = Path.replace, []

    def interrupted(*given):
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_together({tmp_path / "a": b"new", tmp_path / "b": b"new"})
    assert contents(tmp_path) == {"a": b"old"}


def test_both_are_written(tmp_path):
    (tmp_path / "r.html").write_bytes(b"old")
    assert write(tmp_path / "r.html", "<p>☃</p>", {"a": [1.5, None]}) == (tmp_path / "r.html", tmp_path / "r.json")
    found = contents(tmp_path)
    assert found.keys() == {"r.html", "r.json"}
    assert found["r.html"].decode() == "<p>☃</p>"


def test_paths_that_cannot_be(tmp_path):
    (tmp_path / "data.json").write_text("{}")
    (tmp_path / "folder.html").mkdir()
    for name, why in (
        ("report.txt", "ends in .html"),
        ("report.json", "ends in .html"),
        ("missing/report.html", "does not exist"),
        ("folder.html", "is a folder"),
    ):
        with pytest.raises(FileError, match=why):
            check_output(tmp_path / name)
    with pytest.raises(FileError, match="is a file that is read"):
        check_output(tmp_path / "data.html", [tmp_path / "data.json", "no\0file"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.json", "folder.html"]
