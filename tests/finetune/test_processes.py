"""Two processes, started by torchrun, train what one would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import launched
import numpy as np
import pytest
import torch
from comparing import accuracy, state

from snnconv.cli import main
from snnconv.data import open_data
from snnconv.errors import InvalidValueError
from snnconv.finetune import processes
from snnconv.formats.onnx import save
from snnconv.loading import load
from snnconv.model import Model

RANKS = (0, 1)
ROUNDING = 1e-6  # of the largest change: float32 sums in another order


@dataclass(frozen=True)
class Launched:
    """What two processes left."""

    folder: Path
    out: str
    err: str

    def tensors(self, name: str, rank: int) -> dict[str, np.ndarray]:
        with np.load(self.folder / f"{name}.{rank}.npz") as arrays:
            return dict(arrays)

    def seen(self, rank: int) -> dict[str, Any]:
        return json.loads((self.folder / f"seen.{rank}.json").read_text())


@pytest.fixture(scope="module")
def snn(converted) -> Model:
    """M-HT under mean coupling, without batch-norm."""
    return converted(timesteps=2, levels=2)


@pytest.fixture(scope="module")
def two(snn, plain_ann, small_cnn, tmp_path_factory) -> Launched:
    folder = tmp_path_factory.mktemp("launched")
    save(plain_ann, folder / "ann.onnx")
    save(snn, folder / "snn.onnx")
    save(small_cnn, folder / "normed.onnx")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    ran = subprocess.run(
        [*command, launched.__file__, str(folder)], env=environment, capture_output=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr.decode()
    return Launched(folder, ran.stdout.decode(), ran.stderr.decode())


def test_they_know_of_each_other(two):
    for rank in RANKS:
        assert (two.seen(rank)["processes"], two.seen(rank)["backend"]) == (2, "gloo")


@pytest.mark.parametrize("name", ["one_step", "accumulated", "checkpointed", "whole", "resumed", "normed", "again"])
def test_they_agree_on_every_tensor(two, name):
    first, second = (two.tensors(name, rank) for rank in RANKS)
    assert first.keys() == second.keys() != set()
    assert all(np.array_equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("name", ["one_step", "accumulated", "checkpointed"])
def test_their_averaged_gradient_is_that_of_one_process_on_the_joined_batch(two, snn, name):
    student = state(launched.continued_from(snn))
    one, half = state(launched.one_step(snn)), state(launched.one_step(snn, images="digits[:8:2]"))
    found = two.tensors(name, 0)
    assert one.keys() == found.keys()
    gradients = {key: (student[key] - one[key]).double() for key in one}
    largest = max(float(value.abs().max()) for value in gradients.values())
    assert largest > 0.05
    trained = {key for key, value in gradients.items() if value.any()}
    assert {key.rsplit(".", 1)[-1] for key in trained} == {"weight", "bias", "mixing", "leakage"}
    for key, wanted in gradients.items():
        gradient = (student[key] - torch.from_numpy(found[key])).double()
        torch.testing.assert_close(gradient, wanted, rtol=0, atol=ROUNDING * largest)
    other = max(float((student[key] - half[key] - gradients[key]).abs().max()) for key in gradients)
    assert other > 1000 * ROUNDING * largest  # each one's share alone is another gradient


def test_they_go_on_to_the_same_weights(two):
    whole, resumed = two.tensors("whole", 0), two.tensors("resumed", 0)
    assert all(np.array_equal(whole[key], resumed[key]) for key in whole)
    assert any(not np.array_equal(whole[key], two.tensors("one_step", 0)[key]) for key in whole)


def test_checkpointed_blocks_come_to_the_same_weights(two):
    for name, other in (("accumulated", "checkpointed"), ("normed", "again")):
        one, again = two.tensors(name, 0), two.tensors(other, 0)
        assert one.keys() == again.keys()
        assert all(np.array_equal(one[key], again[key]) for key in one)


def test_what_is_evaluated_is_what_is_kept(two, small_cnn):
    from snnconv.finetune import quantize_activations

    model = quantize_activations(small_cnn, 8, 4.0)
    model.graph.load_state_dict({key: torch.from_numpy(value) for key, value in two.tensors("normed", 0).items()})
    model.graph.eval()
    found = accuracy(model, open_data("digits[:50]", small_cnn.input, purpose="eval"))
    assert [two.seen(rank)["eval_accuracy"] for rank in RANKS] == [found, found]


def test_one_of_them_writes(two):
    assert two.seen(1)["written"] == []
    assert two.seen(1)["told"] == []
    assert two.seen(0)["told"] == [1, 2, 3]
    command = ["cli.checkpoint", "cli.metrics.jsonl"] * 2 + ["cli.onnx"]
    # once for the epoch that stopped, once when it went on, once for each of the two epochs that were left
    resumed = ["resumed.checkpoint", "resumed.metrics.jsonl", "resumed.metrics.jsonl"]
    resumed += ["resumed.checkpoint", "resumed.metrics.jsonl"] * 2
    assert two.seen(0)["written"] == command + resumed
    assert not [path for path in two.folder.iterdir() if path.name.startswith(".")]


def test_the_command_prints_and_writes_once_and_trains_what_one_process_does(two, tmp_path, monkeypatch, capsys):
    several = json.loads(two.out)  # one object and nothing else
    for epoch in (1, 2):
        assert two.err.count(f"epoch {epoch}/2: loss ") == 1
    assert "warning" not in two.err.lower()
    assert not (two.folder / "cli.checkpoint").exists()
    lines = [json.loads(line) for line in (two.folder / "cli.metrics.jsonl").read_text().splitlines()]
    assert lines == several["epochs"]

    monkeypatch.chdir(two.folder)
    capsys.readouterr()
    main([*map(str, launched.COMMAND[:-1]), str(tmp_path / "one.onnx")])
    alone = json.loads(capsys.readouterr().out)
    assert several["settings"] == alone["settings"]
    for epoch, other in zip(several["epochs"], alone["epochs"], strict=True):
        assert epoch["loss"] == pytest.approx(other["loss"], rel=1e-3)
        assert epoch["lr"] == other["lr"]
        assert epoch["eval_accuracy"] == pytest.approx(other["eval_accuracy"], abs=0.021)  # one of 51
    one, both = state(load(tmp_path / "one.onnx")), state(load(two.folder / "cli.onnx"))
    assert one.keys() == both.keys()
    for name, value in one.items():
        torch.testing.assert_close(both[name], value, rtol=0, atol=2e-3)


def test_a_batch_that_they_cannot_share_is_refused(two):
    for rank in RANKS:
        assert "batch_size is 15: 2 processes and accumulate=1 must share it" in two.seen(rank)["refusal"]


def test_processes_that_cannot_meet_do_not_train_apart(monkeypatch, small_cnn):
    processes.open_accelerator()  # for one process, as without a launcher
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InvalidValueError, match=r"2 processes were launched.*for 1 before.*PartialState\(cpu=True\)"):
        processes.open_accelerator()
