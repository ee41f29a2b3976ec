"""Going on after a kill, to the same weights as a training that was never stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import interrupted
import pytest
import torch
from comparing import same, state
from interrupted import MOMENTS, NAME, SETTINGS, STEPS

from snnconv.errors import FileError, InvalidValueError
from snnconv.finetune import DivergenceError, FinetuneSettings, RunFiles, TrainSettings, finetune, train, trainer
from snnconv.finetune.checkpoint import load_checkpoint
from snnconv.formats.onnx import save
from snnconv.neurons import NeuronSettings

TIMES = ("wall_s", "images_per_s")


class StoppedError(Exception):
    """Ends a training in this process."""


def _lines(folder: Path) -> list[dict[str, Any]]:
    """What the metrics file says, without times."""
    lines = [json.loads(line) for line in RunFiles.beside(folder / NAME).metrics.read_text().splitlines()]
    assert all(line["wall_s"] > 0 and line["images_per_s"] > 0 for line in lines)
    return [{name: value for name, value in line.items() if name not in TIMES} for line in lines]


@pytest.fixture(scope="module")
def never_stopped(small_cnn, tmp_path_factory):
    folder = tmp_path_factory.mktemp("never-stopped")
    return interrupted.run(small_cnn, folder), _lines(folder)


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Path:
    """Folders of trainings that were killed, one a moment."""
    folder = tmp_path_factory.mktemp("killed")
    command = [sys.executable, interrupted.__file__, str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    ran = subprocess.run(command, env=environment, capture_output=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    assert json.loads(ran.stdout) == dict.fromkeys(MOMENTS, -signal.SIGKILL), ran.stderr.decode()
    return folder


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_training_goes_on_to_the_same_weights(moment, never_stopped, killed, small_cnn):
    folder = killed / moment
    found = load_checkpoint(RunFiles.beside(folder / NAME).checkpoint)
    where = (found.epoch, found.step)
    assert where >= (1, 1)
    if moment == "after_an_epoch":
        assert where == (3, 0)
    elif moment == "before_the_last_metrics":
        assert where == (4, 0)
        assert [line["epoch"] for line in _lines(folder)] == [1, 2]  # a line behind
    else:
        assert found.step > 0  # within an epoch
    taken = []

    def progress(batches: Iterable[Any], description: str, total: int | None = None) -> Iterator[Any]:
        for batch in batches:
            taken.append(description)
            yield batch

    resumed = interrupted.run(small_cnn, folder, resume=True, progress=progress)
    assert len(taken) == SETTINGS.epochs * STEPS - ((found.epoch - 1) * STEPS + found.step)
    assert taken[:1] == ([f"epoch {found.epoch}/3"] if found.epoch <= 3 else [])
    wanted, lines = never_stopped
    assert same(resumed, wanted)
    assert resumed.provenance == wanted.provenance
    assert _lines(folder) == lines
    assert [line["epoch"] for line in lines] == [1, 2, 3]


KINDS: dict[str, TrainSettings | FinetuneSettings] = {
    "quantized": TrainSettings(epochs=2, batch_size=50, initial_ceiling=4.0),
    "stairs, lamb": TrainSettings(epochs=2, batch_size=50, optimizer="lamb", lr=0.01, scheduler="step", step_epochs=1),
    "lion, bf16": TrainSettings(epochs=2, batch_size=50, optimizer="lion", lr=1e-3, bf16=True, clip=0.5),
    "constant": TrainSettings(epochs=2, batch_size=50, optimizer="nesterov", lr=0.01, scheduler="none", ema=0.99),
    "thresholds": TrainSettings(
        epochs=2, batch_size=50, neuron=NeuronSettings("lif", 2, mpr=True), train_ceilings=True, channels_last=False
    ),
    "distilled": FinetuneSettings(epochs=2, batch_size=50, lr=1e-3, levels=2, distill_features=0.5, rmp_loss=0.1),
    "power-of-two": FinetuneSettings(epochs=2, batch_size=50, lr=1e-3, train_ceilings=True, ema=0.9),
    "uniform": FinetuneSettings(epochs=2, batch_size=50, lr=1e-3, train_ceilings=True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_goes_on_after_any_step(kind, small_cnn, spiking, converted, trained, few_digits, tmp_path, monkeypatch):
    settings = KINDS[kind]
    if kind in ("power-of-two", "uniform"):
        spiking = converted(timesteps=2, coupling="differential", code=kind)
    monkeypatch.setattr(trainer, "CHECKPOINT_S", 0.0)

    def run(folder: Path, *, resume: bool = False, **hooks: Any):
        common = {"device": "cpu", "files": RunFiles.beside(folder / NAME, resume=resume), **hooks}
        if isinstance(settings, FinetuneSettings):
            return finetune(spiking, few_digits, settings, teacher=trained.model, **common)
        return train(small_cnn, few_digits, settings, **common)

    def stopping(step: int) -> Callable[..., Iterator[Any]]:
        taken = [0]

        def progress(batches: Iterable[Any], description: str, total: int | None = None) -> Iterator[Any]:
            for batch in batches:
                if "epoch" in description:  # else it calibrates
                    if taken[0] == step:
                        raise StoppedError
                    taken[0] += 1
                yield batch

        return progress

    (tmp_path / "whole").mkdir()
    whole = run(tmp_path / "whole")
    for step in (2, 4, 7) if kind == "quantized" else (2, 5):  # of two epochs of four
        folder = tmp_path / str(step)
        folder.mkdir()
        with pytest.raises(StoppedError):
            run(folder, progress=stopping(step))
        found = load_checkpoint(RunFiles.beside(folder / NAME).checkpoint)
        assert (found.epoch - 1) * 4 + found.step == step
        assert same(run(folder, resume=True), whole)
        assert _lines(folder) == _lines(tmp_path / "whole")


def test_a_training_that_is_stopped_twice(small_cnn, never_stopped, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "CHECKPOINT_S", 0.0)

    def after(steps: int) -> Callable[..., Iterator[Any]]:
        def progress(batches: Iterable[Any], description: str, total: int | None = None) -> Iterator[Any]:
            for number, batch in enumerate(batches):
                if number == steps:
                    raise StoppedError
                yield batch

        return progress

    for resume, steps in ((False, 3), (True, 1)):
        with pytest.raises(StoppedError):
            interrupted.run(small_cnn, tmp_path, resume=resume, progress=after(steps))
    assert same(interrupted.run(small_cnn, tmp_path, resume=True), never_stopped[0])


def test_a_training_that_is_done_has_nothing_left_to_do(small_cnn, never_stopped, tmp_path):
    first = interrupted.run(small_cnn, tmp_path)
    told = []
    again = interrupted.run(small_cnn, tmp_path, resume=True, on_epoch=told.append)
    assert told == []
    assert same(first, again)
    assert same(first, never_stopped[0])


# What a checkpoint does not belong to


@pytest.fixture
def stopped(small_cnn, few_digits, tmp_path):
    """Files of a training that stopped after its first epoch."""
    settings = TrainSettings(epochs=2, batch_size=50)

    def stop(_: object) -> None:
        raise StoppedError

    files = RunFiles.beside(tmp_path / NAME)
    with pytest.raises(StoppedError):
        train(small_cnn, few_digits, settings, files=files, on_epoch=stop, device="cpu")
    return settings, replace(files, resume=True)


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"lr": 0.05}, r"another training: lr is 0.05, the checkpoint's 0.1"),
        ({"seed": 7, "epochs": 9}, r"epochs is 9, the checkpoint's 2; seed is 7, the checkpoint's 0"),
        ({"neuron": NeuronSettings("lif", 2)}, r"neuron is \{'kind': 'lif'.*, the checkpoint's None"),
        ({"total_levels": 4}, r"total_levels is 4, the checkpoint's 8"),
    ],
)
def test_other_settings_are_refused_and_named(changed, said, stopped, small_cnn, few_digits, tmp_path):
    settings, files = stopped
    before = _contents(tmp_path)
    with pytest.raises(InvalidValueError, match=said):
        train(small_cnn, few_digits, replace(settings, **changed), files=files, device="cpu")
    assert _contents(tmp_path) == before


def test_other_data_and_other_networks_are_refused(stopped, small_cnn, plain_ann, digits, few_digits, tmp_path):
    settings, files = stopped
    before = _contents(tmp_path)
    with pytest.raises(InvalidValueError, match=r"another training: images is 1438, the checkpoint's 200"):
        train(small_cnn, digits, settings, files=files, device="cpu")
    with pytest.raises(InvalidValueError, match=r"source is 'Sequential', the checkpoint's 'zoo:small-cnn'"):
        train(plain_ann, few_digits, settings, files=files, device="cpu")
    other = plain_ann.copy()
    other.provenance["source"], other.input = "zoo:small-cnn", small_cnn.input
    with pytest.raises(FileError, match="of another network: it differs in"):
        train(other, few_digits, settings, files=files, device="cpu")
    with pytest.raises(InvalidValueError, match=r"teacher is .*, the checkpoint's None"):
        train(small_cnn, few_digits, settings, files=files, teacher=plain_ann, device="cpu")
    assert _contents(tmp_path) == before


def test_another_t_or_l_is_refused_and_named(spiking, few_digits, tmp_path):
    settings = FinetuneSettings(epochs=2, batch_size=50, lr=1e-3, levels=2)
    files = RunFiles.beside(tmp_path / NAME)
    finetune(spiking, few_digits, settings, files=files, device="cpu")
    resumed = replace(files, resume=True)
    for changed, said in (({"levels": 3}, "levels is 3, the checkpoint's 2"), ({"timesteps": 3}, "timesteps is 3")):
        with pytest.raises(InvalidValueError, match=said):
            finetune(spiking, few_digits, replace(settings, **changed), files=resumed, device="cpu")
    other = finetune(spiking, few_digits, replace(settings, epochs=1, levels=None, timesteps=1), device="cpu")
    other.provenance["source"] = spiking.provenance["source"]
    with pytest.raises(InvalidValueError, match=r"another training: timesteps is 1, the checkpoint's 2"):
        finetune(other, few_digits, settings, files=resumed, device="cpu")


# A training that diverges


def _poisoned(epoch: int, step: int) -> Callable[..., Iterator[Any]]:
    """Progress that hands on one batch with a pixel that is no number."""

    def progress(batches: Iterable[Any], description: str, total: int | None = None) -> Iterator[Any]:
        for number, (x, y) in enumerate(batches, start=1):
            if description.startswith(f"epoch {epoch}/") and number == step:
                x[0, 0, 4, 4] = float("nan")
            yield x, y

    return progress


@pytest.mark.parametrize("checkpoints_s", [0.0, 300.0])
def test_a_loss_that_is_no_number_stops_with_the_last_good_checkpoint(
    checkpoints_s, small_cnn, never_stopped, tmp_path, monkeypatch
):
    monkeypatch.setattr(trainer, "CHECKPOINT_S", checkpoints_s)
    files = RunFiles.beside(tmp_path / NAME)
    with pytest.raises(DivergenceError) as caught:
        interrupted.run(small_cnn, tmp_path, progress=_poisoned(2, 3))
    said = str(caught.value)
    assert said.startswith("The loss is nan in epoch 2, step 3 (a batch of the images ")
    named = [int(number) for number in said.split("images ")[1].split(", ...")[0].split(", ")]
    batches = trainer.Batches(_images(small_cnn), SETTINGS, torch.device("cpu"))
    assert named == batches.positions(2, 3)[:8]
    assert f"The last good checkpoint is kept in {files.checkpoint}." in said
    found = load_checkpoint(files.checkpoint)
    assert (found.epoch, found.step) == ((2, 2) if checkpoints_s == 0 else (2, 0))
    tensors = [*found.network.values(), *found.average.values()]
    assert all(torch.isfinite(value).all() for value in tensors)
    assert same(interrupted.run(small_cnn, tmp_path, resume=True), never_stopped[0])


def _images(model):
    from snnconv.data import open_data

    return open_data(interrupted.DATA, model.input, purpose="train")


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_weights_that_are_no_numbers_are_not_kept(ema, small_cnn, few_digits, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "CHECKPOINT_S", 0.0)
    files = RunFiles.beside(tmp_path / NAME)
    with pytest.raises(DivergenceError, match=r"in epoch 1, step \d .*Lower lr \(it is 1e\+30\)"):
        train(
            small_cnn, few_digits, TrainSettings(epochs=2, batch_size=50, lr=1e30, ema=ema), files=files, device="cpu"
        )
    if files.checkpoint.exists():
        assert all(torch.isfinite(value).all() for value in load_checkpoint(files.checkpoint).network.values())


def test_without_files_nothing_is_kept_and_nothing_said_of_it(small_cnn, few_digits):
    before = state(small_cnn)
    with pytest.raises(DivergenceError) as caught:
        train(small_cnn, few_digits, TrainSettings(epochs=1, batch_size=50, lr=1e30), device="cpu")
    assert "checkpoint" not in str(caught.value)
    assert all(torch.equal(before[name], value) for name, value in state(small_cnn).items())


def test_a_last_step_that_ruins_the_weights_is_seen(plain_ann, few_digits, tmp_path, monkeypatch):
    """The loss is of before the step: no later loss tells of the last one."""

    original = trainer.build_optimizer

    def ruinous(graph, settings):
        optimizer = original(graph, settings)
        step = optimizer.step

        def ruin():
            step()
            with torch.no_grad():
                next(graph.parameters()).view(-1)[0] = float("inf")

        optimizer.step = ruin
        return optimizer

    monkeypatch.setattr(trainer, "build_optimizer", ruinous)
    settings = TrainSettings(epochs=1, batch_size=200, scheduler="none")
    with pytest.raises(DivergenceError, match="epoch 1, step 1"):
        train(plain_ann, few_digits, settings, files=RunFiles.beside(tmp_path / NAME), device="cpu")
    assert not (tmp_path / NAME).exists()


def test_workers_may_change(stopped, small_cnn, few_digits):
    settings, files = stopped
    resumed = train(small_cnn, few_digits, replace(settings, workers=1), files=files, device="cpu")
    assert same(resumed, train(small_cnn, few_digits, settings, device="cpu"))


def test_blocks_may_be_checkpointed_from_there_on(stopped, small_cnn, few_digits):
    settings, files = stopped
    resumed = train(small_cnn, few_digits, replace(settings, checkpoint_blocks=True), files=files, device="cpu")
    assert same(resumed, train(small_cnn, few_digits, settings, device="cpu"))


def test_other_pixels_of_the_same_names_are_refused(stopped, small_cnn, few_digits):
    settings, files = stopped
    darker = small_cnn.copy()
    darker.input = darker.input.override(mean=(0.25,))
    with pytest.raises(InvalidValueError, match=r"input_mean is \[0.25\], the checkpoint's \[0.0\]"):
        train(darker, few_digits, settings, files=files, device="cpu")
    others = few_digits.subset(range(len(few_digits) - 1, -1, -1))
    with pytest.raises(InvalidValueError, match="another training: pixels is of other contents than the checkpoint's"):
        train(small_cnn, others, settings, files=files, device="cpu")


def test_another_teacher_of_the_same_name_is_refused(small_cnn, plain_ann, few_digits, tmp_path):
    files = RunFiles.beside(tmp_path / NAME)
    settings = TrainSettings(epochs=1, batch_size=50)
    save(plain_ann, tmp_path / "teacher.onnx")
    train(small_cnn, few_digits, settings, teacher=tmp_path / "teacher.onnx", files=files, device="cpu")
    save(small_cnn, tmp_path / "teacher.onnx")
    with pytest.raises(InvalidValueError, match="another training: teacher_weights is of other contents"):
        train(
            small_cnn,
            few_digits,
            settings,
            teacher=tmp_path / "teacher.onnx",
            files=replace(files, resume=True),
            device="cpu",
        )


def test_what_is_no_checkpoint_is_not_called_one(tmp_path):
    files = RunFiles.beside(tmp_path / NAME)
    files.checkpoint.write_text("my notes")
    with pytest.raises(FileError, match="where something else is already: name another output"):
        files.check()
    assert files.checkpoint.read_text() == "my notes"
