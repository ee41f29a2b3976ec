"""Places and files that nothing can be read from: one error of ours, and no waiting."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnconv.data import open_data, tonicsets
from snnconv.data.imagefiles import read_image
from snnconv.errors import DataError, FileError, InvalidValueError, SnnconvError
from snnconv.formats.nir import NirReading
from snnconv.model import InputSpec
from snnconv.tables import parse, read_bytes

INPUT = InputSpec(3, 8, 8)
LONG = "a" * 5000


@pytest.mark.parametrize("scheme", ["npz", "csv", "events", "cifar10", "cifar100", "imagefolder"])
@pytest.mark.parametrize("place", [LONG, f"{LONG}/x", "~nobody_of_this_name/x", "a\0b"])
def test_a_place_that_cannot_be(scheme, place):
    with pytest.raises(SnnconvError):
        open_data(f"{scheme}:{place}", INPUT, purpose="eval")


def test_an_image_of_a_list_that_cannot_be(tmp_path):
    (tmp_path / "list.csv").write_text(f"file\n{LONG}.png\n")
    with pytest.raises(FileError, match="1 of 1 images are not there"):
        open_data(f"csv:{tmp_path / 'list.csv'}", INPUT, purpose="eval")


@pytest.mark.parametrize("index", ["2147483648", "9" * 30, "9" * 5000])
def test_an_index_of_a_list_that_is_too_large(index, tmp_path):
    (tmp_path / "list.csv").write_text(f"file,index\na.png,{index}\n")
    with pytest.raises(DataError, match="allowed is a whole number from 0 to 2147483647"):
        open_data(f"csv:{tmp_path / 'list.csv'}", INPUT, purpose="eval")


def test_a_slice_of_too_many_digits():
    with pytest.raises(DataError, match="which is no slice"):
        open_data(f"digits[{'9' * 5000}:]", INPUT, purpose="eval")


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'shape': (9"])
def test_an_archive_without_an_array(content, tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.npz", "w") as archive:
        archive.writestr("x.npy", content)
    with pytest.raises(FileError, match=r"bad\.npz (is damaged: 'x' in it is no array|cannot be read as \.npz)"):
        open_data(f"npz:{tmp_path / 'bad.npz'}", INPUT, purpose="eval")


def test_a_number_of_thousands_of_digits_in_a_table():
    with pytest.raises(FileError, match="is no TOML file"):
        parse(b"seed = " + b"9" * 5000, "mine.toml")


@pytest.mark.parametrize("read", [lambda path: read_image(path, 3), read_bytes])
def test_a_pipe_is_refused_and_not_waited_for(read, tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(FileError, match="is a pipe, which is not read"):
        read(tmp_path / "pipe.png")


def fail(*_: object, **__: object) -> Any:
    raise MemoryError


def test_memory_that_does_not_suffice_is_no_damage(tmp_path, monkeypatch):
    np.savez(tmp_path / "data.npz", x=np.zeros((1, 3, 8, 8), np.uint8))
    monkeypatch.setattr(np, "load", fail)
    with pytest.raises(FileError, match=re.escape("data.npz does not fit into memory")):
        open_data(f"npz:{tmp_path / 'data.npz'}", INPUT, purpose="eval")
    monkeypatch.setattr("PIL.Image.open", fail)
    with pytest.raises(FileError, match=re.escape("data.npz does not fit into memory")):
        read_image(tmp_path / "data.npz", 3)


class Recorded:
    """One recording of tonic's form."""

    def __getitem__(self, _: int) -> tuple[Any, int]:
        kinds = [("x", "i8"), ("y", "i8"), ("p", "i8"), ("t", "i8")]
        return np.array([(0, 0, 0, 10**9)], kinds), 0

    def __len__(self) -> int:
        return 1


def test_an_error_of_ours_is_not_said_to_be_tonics(monkeypatch):
    monkeypatch.setattr(tonicsets, "_tonic", lambda: type("Tonic", (), {"transforms": _Transforms}))
    source = tonicsets.TonicSource(4, 4, None, None, 2, 100, Recorded(), "NMNIST")
    with pytest.raises(DataError, match=r"^A recording begins at"):
        source.frames(0)


class _Transforms:
    ToFrame = staticmethod(lambda **_: None)


@pytest.mark.parametrize("seconds", [1e300, 1e10])
def test_frames_that_are_too_long_are_refused(seconds):
    with pytest.raises(InvalidValueError, match="long at most"):
        NirReading(dt=seconds).step_us()
    with pytest.raises(InvalidValueError, match="step_us"):
        InputSpec(2, 4, 4, timesteps=2, step_us=10**30)


def test_sizes_that_nothing_computes_with_are_refused():
    for name in ("resize", "height", "timesteps"):
        with pytest.raises(InvalidValueError, match=f"{name} is"):
            InputSpec(**{"channels": 3, "height": 8, "width": 8, name: 10**30})


def test_a_folder_that_may_not_be_listed(tmp_path, monkeypatch):
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(FileError, match="cannot be read: Permission denied"):
        open_data(f"imagefolder:{tmp_path}", INPUT, purpose="eval")
