"""The checkpoint: one file, replaced in one go; what is no checkpoint is refused and stays as it is."""

from __future__ import annotations

import errno
import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save as save_tensors
from timm.optim import create_optimizer_v2
from torch import nn

from snnconv.convert.calibration.progress_file import ProgressFile
from snnconv.digest import digest_of
from snnconv.errors import FileError
from snnconv.finetune import RunFiles, TrainSettings, train
from snnconv.finetune.checkpoint import (
    DIGEST,
    KEY,
    Checkpoint,
    copy_into,
    load_checkpoint,
    save_checkpoint,
)
from snnconv.finetune.optimizer_state import optimizer_from, optimizer_parts
from snnconv.formats.hardware.run import read_folder


def _equal(one, other) -> bool:
    """Equal in every value, type and tensor."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(_equal(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and len(one) == len(other) and all(map(_equal, one, other))
    return type(one) is type(other) and one == other


def _checkpoint(**changed) -> Checkpoint:
    draw = torch.Generator().manual_seed(0)
    tensors = {
        "conv.weight": torch.randn(4, 3, 3, 3, generator=draw).to(memory_format=torch.channels_last),
        "norm.num_batches_tracked": torch.tensor(7),
        "leak": torch.randn((), generator=draw),
        "half": torch.randn(5, generator=draw).bfloat16(),
    }
    values = {
        "settings": {"lr": 0.1, "neuron": {"kind": "lif", "decay": None}},
        "identity": {"data": "digits", "images": 1438},
        "epoch": 3,
        "step": 11,
        "sums": {"loss": 1 / 3, "seen": 352.0},
        "log": [{"epoch": 1, "loss": 0.1 + 0.2, "eval_accuracy": None, "parts": {"task": 2e-17}}],
        "network": tensors,
        "average": {name: value * 2 for name, value in tensors.items()},
        "optimizer": {"state": {0: {"step": torch.tensor(3.0), "n": 5}}, "param_groups": [{"betas": (0.9, 0.999)}]},
    }
    return Checkpoint(**{**values, **changed})


@pytest.mark.parametrize("average", [True, False])
def test_it_is_read_as_it_was_written(average, tmp_path):
    written = _checkpoint() if average else _checkpoint(average={})
    save_checkpoint(tmp_path / "a.checkpoint", written)
    read = load_checkpoint(tmp_path / "a.checkpoint")
    assert _equal(vars(read), vars(written))
    assert [path.name for path in tmp_path.iterdir()] == ["a.checkpoint"]


@pytest.mark.parametrize("name", ["momentum", "adamw", "lamb", "lion", "adafactorbv", "muon"])
def test_an_optimizers_state_survives_json(name):
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Linear(4, 4))
    optimizer = create_optimizer_v2(list(module.parameters()), opt=name, lr=0.01, momentum=0.9, weight_decay=0.01)
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    state = optimizer.state_dict()
    _survives(state)


def _survives(state) -> None:
    tensors, rest = optimizer_parts(state)
    assert tensors
    assert all(isinstance(value, torch.Tensor) for value in tensors.values())
    assert _equal(optimizer_from(tensors, json.loads(json.dumps(rest))), state)


def test_whatever_an_optimizer_nests_survives_json():
    _survives(
        {
            "state": {0: {"q": [torch.ones(2), torch.zeros(2, 2)], "step": 1}, 1: {}},
            "param_groups": [
                {"params": [0, 1], "dtype": torch.bfloat16, "betas": (0.9, None), "step": torch.tensor(1)}
            ],
            "rng": (3, (1, 2, 3), None),
        }
    )


def _written(path: Path) -> bytes:
    save_checkpoint(path, _checkpoint())
    return path.read_bytes()


def _with_header(change) -> bytes:
    """A file whose header was changed and is a safetensors file all the same."""
    header = {"version": 1, "settings": {}, "identity": {}, "epoch": 1, "step": 0, "sums": {}, "log": []}
    header["optimizer"] = {"items": []}
    change(header)
    text, tensors = json.dumps(header), {"network/w": torch.zeros(2)}
    return save_tensors(tensors, {KEY: text, DIGEST: digest_of(text, sorted(tensors.items()))})


def _flipped(whole: bytes, place: int) -> bytes:
    """With one bit that is another."""
    return whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]


DAMAGED = {
    "empty": lambda whole: b"",
    "a byte": lambda whole: whole[:1],
    "its header": lambda whole: whole[:200],
    "half": lambda whole: whole[: len(whole) // 2],
    "all but a byte": lambda whole: whole[:-1],
    "a bit of a weight": lambda whole: _flipped(whole, -1),
    "a digit of its header": lambda whole: _flipped(whole, whole.index(b'\\"epoch\\": ') + len(b'\\"epoch\\": ')),
    "garbage": lambda whole: bytes(range(256)) * 8,
    "overwritten": lambda whole: b"\xff" * 64 + whole[64:],
    "text": lambda whole: b"epoch 1\n",
    "pickle": lambda whole: pickle.dumps({"state_dict": {}}),
    "other tensors": lambda whole: save_tensors({"w": torch.zeros(2)}),
    "other tensors with a header": lambda whole: save_tensors({"w": torch.zeros(2)}, {"format": "pt"}),
    "no json": lambda whole: save_tensors({"w": torch.zeros(2)}, {KEY: "{"}),
    "no object": lambda whole: save_tensors({"w": torch.zeros(2)}, {KEY: "[]"}),
    "a foreign tensor": lambda whole: save_tensors({"w": torch.zeros(2)}, {KEY: json.dumps({"version": 1})}),
    "no settings": lambda whole: _with_header(lambda header: header.pop("settings")),
    "no epoch": lambda whole: _with_header(lambda header: header.update(epoch=None)),
    "another optimizer": lambda whole: _with_header(lambda header: header.update(optimizer={"tensor": "gone"})),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_what_is_no_checkpoint_is_refused_and_kept(damage, small_cnn, few_digits, tmp_path):
    files = RunFiles.beside(tmp_path / "a.onnx", resume=True)
    spoiled = DAMAGED[damage](_written(files.checkpoint))
    files.checkpoint.write_bytes(spoiled)
    with pytest.raises(FileError, match="is no checkpoint of a training, or is damaged"):
        load_checkpoint(files.checkpoint)
    with pytest.raises(FileError, match=r"a\.checkpoint"):
        files.check()
    with pytest.raises(FileError, match=r"a\.checkpoint"):
        train(small_cnn, few_digits, TrainSettings(epochs=1, batch_size=50), files=files, device="cpu")
    assert files.checkpoint.read_bytes() == spoiled
    assert [path.name for path in tmp_path.iterdir()] == ["a.checkpoint"]


def test_the_header_of_the_test_is_whole(tmp_path):
    (tmp_path / "a").write_bytes(_with_header(lambda header: None))
    assert load_checkpoint(tmp_path / "a").epoch == 1


def test_another_version_is_told(tmp_path):
    (tmp_path / "a").write_bytes(_with_header(lambda header: header.update(version=99)))
    with pytest.raises(FileError, match="version 99; 1 is read here"):
        load_checkpoint(tmp_path / "a")


def test_a_missing_one_is_told(small_cnn, few_digits, tmp_path):
    files = RunFiles.beside(tmp_path / "a.onnx", resume=True)
    for attempt in (
        lambda: load_checkpoint(files.checkpoint),
        files.check,
        lambda: train(small_cnn, few_digits, TrainSettings(epochs=1, batch_size=50), files=files, device="cpu"),
    ):
        with pytest.raises(FileError, match=r"There is no checkpoint .*a.checkpoint: without --resume"):
            attempt()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_write_that_fails_keeps_the_one_before_it(failing, tmp_path, monkeypatch):
    path = tmp_path / "a.checkpoint"
    before = _written(path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(*((os, "fsync") if failing == "fsync" else (Path, "replace")), full)
        with pytest.raises(FileError, match="cannot be written: No space left"):
            save_checkpoint(path, _checkpoint(epoch=9))
    assert path.read_bytes() == before
    assert load_checkpoint(path).epoch == 3
    assert [each.name for each in tmp_path.iterdir()] == ["a.checkpoint"]
    save_checkpoint(path, _checkpoint(epoch=9))
    assert load_checkpoint(path).epoch == 9


def test_tensors_go_where_they_belong_or_nowhere(tmp_path):
    target = {"a": torch.zeros(2), "b": torch.zeros(3)}
    copy_into(target, {"a": torch.ones(2), "b": torch.ones(3)}, tmp_path)
    assert target["a"].tolist() == [1, 1]
    for source in (
        {"a": torch.full((2,), 2.0)},
        {"a": torch.full((2,), 2.0), "b": torch.ones(4)},
        {"a": torch.full((2,), 2.0), "b": torch.ones(3), "c": torch.ones(1)},
    ):
        with pytest.raises(FileError, match=r"of another network: it differs in [bc]"):
            copy_into(target, source, tmp_path)
        assert target["a"].tolist() == [1, 1]


# The files of a run


def test_they_lie_beside_the_result(tmp_path):
    for name in ("net.onnx", "net"):
        files = RunFiles.beside(tmp_path / name)
        assert files.checkpoint == tmp_path / "net.checkpoint"
        assert files.metrics == tmp_path / "net.metrics.jsonl"
        assert not files.resume
    assert RunFiles.beside("net.v2").checkpoint == Path("net.v2.checkpoint")


def test_an_unfinished_training_is_not_overwritten(tmp_path):
    files = RunFiles.beside(tmp_path / "a.onnx")
    files.check()
    before = _written(files.checkpoint)
    with pytest.raises(FileError, match=r"a.checkpoint is the checkpoint of a training that did not finish.*--resume"):
        files.check()
    assert files.checkpoint.read_bytes() == before
    RunFiles.beside(tmp_path / "a.onnx", resume=True).check()
    files.finish()
    assert not list(tmp_path.iterdir())
    files.finish()
    files.check()


def test_a_folder_that_is_missing_is_told_before_any_work(tmp_path):
    with pytest.raises(FileError, match=r"the folder .*missing does not exist"):
        RunFiles.beside(tmp_path / "missing" / "a.onnx").check()


def test_a_run_leaves_checkpoint_and_metrics(small_cnn, few_digits, tmp_path):
    files = RunFiles.beside(tmp_path / "a.onnx")
    log = []
    settings = TrainSettings(epochs=2, batch_size=50, label_smoothing=0.1)
    train(small_cnn, few_digits, settings, files=files, on_epoch=log.append, device="cpu")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.checkpoint", "a.metrics.jsonl"]
    assert [json.loads(line) for line in files.metrics.read_text().splitlines()] == [each.to_dict() for each in log]
    found = load_checkpoint(files.checkpoint)
    assert (found.epoch, found.step, found.log) == (3, 0, [each.to_dict() for each in log])
    assert found.settings == settings.to_dict()
    assert (found.identity["data"], found.identity["images"]) == ("digits", 200)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "net.checkpoint")
    with pytest.raises(FileError, match="is a pipe"):
        load_checkpoint(tmp_path / "net.checkpoint")
    with pytest.raises(FileError, match="is a pipe"):
        ProgressFile(tmp_path / "net.checkpoint", "")
    os.mkfifo(tmp_path / "graph.json")
    with pytest.raises(FileError, match="is a pipe"):
        read_folder(tmp_path)
