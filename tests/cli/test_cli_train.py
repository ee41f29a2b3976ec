"""`snnconv train`: quantized networks and spiking ones, going on after an interrupt, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnconv.cli.output import show_warning
from snnconv.cli.training_run import Reporter
from snnconv.errors import SnnconvWarning
from snnconv.loading import load

TRAIN = ("train", "--model", "net.onnx", "--data", "npz:data.npz", "--epochs", 2, "--batch-size", 8)
KEYS = {"source", "output", "metrics", "stage", "timesteps", "levels", "coupling", "settings", "epochs"}
EPOCH_KEYS = {"epoch", "loss", "accuracy", "eval_accuracy", "lr", "images_per_s", "wall_s", "parts"}
LINE = re.compile(
    r"epoch (\d)/2: loss \d+\.\d{4}(, rmp [\d.e-]+)?, training \d+\.\d\d %(, held out \d+\.\d\d %)?, "
    r"\d+ images/s, \d+\.\d s(, about \d+ s left)?"
)


def _without_warnings(err: str) -> list[str]:
    return [line for line in err.splitlines() if not line.startswith("warning: ")]


@pytest.fixture
def stopped(run: Callable[..., Any], here: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a training said that was interrupted after its first epoch; its checkpoint lies in the folder."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Reporter, "__call__", interrupt)
        return run(*TRAIN)


def test_a_quantized_network(run: Callable[..., Any], here: Path) -> None:
    ran = run(*TRAIN, "--eval-data", "npz:data.npz[:10]", "-N", 4, "--json")
    assert ran.code == 0
    found = ran.json
    assert found.keys() == KEYS
    assert (found["source"], found["output"]) == ("net.onnx", "net-qcfs.onnx")
    assert (found["stage"], found["timesteps"], found["coupling"]) == ("quantized", None, None)
    assert found["settings"]["total_levels"] == 4
    assert all(epoch.keys() == EPOCH_KEYS for epoch in found["epochs"])
    assert [epoch["epoch"] for epoch in found["epochs"]] == [1, 2]
    assert all(0 <= epoch["eval_accuracy"] <= 1 for epoch in found["epochs"])
    lines = (here / found["metrics"]).read_text().splitlines()
    assert [json.loads(line) for line in lines] == found["epochs"]
    assert load(here / "net-qcfs.onnx").stage.value == "quantized"
    assert not (here / "net-qcfs.checkpoint").exists()


@pytest.mark.parametrize(
    ("neuron", "options", "timesteps", "levels", "coupling"),
    [
        ("mht", ("--mpr",), 4, 2, "causal"),
        ("mht", ("--coupling", "mean", "-L", 3, "--ceiling", 1.5), 4, 3, "mean"),
        ("lmht", ("-T", 2, "--train-ceilings"), 2, 2, "learned"),
        ("if", ("-T", 2, "--reset", "hard", "--plain-norm"), 2, 1, "causal"),
        (
            "lif",
            ("-T", 3, "--decay", 0, "--surrogate", "tanh:3", "--rmp-loss", 0.1, "--rmp-sites", "all"),
            3,
            1,
            "causal",
        ),
        ("lmht", ("-T", 2, "--initial", 0.25), 2, 2, "learned"),
        (
            "mlf",
            (
                "-T",
                2,
            ),
            2,
            3,
            "causal",
        ),
    ],
)
def test_a_spiking_network(
    neuron: str,
    options: tuple[Any, ...],
    timesteps: int,
    levels: int,
    coupling: str,
    run: Callable[..., Any],
    here: Path,
) -> None:
    found = run(*TRAIN, "--neuron", neuron, *options, "--json").json
    assert found["output"] == "net-snn.onnx"
    assert (found["stage"], found["timesteps"], found["levels"]) == ("snn", timesteps, levels)
    assert found["coupling"] == coupling
    chosen = found["settings"]["neuron"]
    for option, value in zip(options[::2], options[1::2], strict=False):
        name = str(option).strip("-").replace("-", "_")
        if name in chosen and name != "mpr":
            assert chosen[name] == value
    assert chosen["mpr"] == ("--mpr" in options)
    assert found["settings"]["train_ceilings"] == ("--train-ceilings" in options)
    assert found["settings"]["threshold_norm"] == ("--plain-norm" not in options)
    evaluated = run("evaluate", "net-snn.onnx", "--data", "npz:data.npz", "--simulate", "--json").json
    assert evaluated["timesteps"] == timesteps


def test_a_line_an_epoch_tells_rate_and_time_left(run: Callable[..., Any], here: Path) -> None:
    ran = run(*TRAIN, "--eval-data", "npz:data.npz", "--neuron", "if", "--rmp-loss", 0.1, "--rmp-sites", "all")
    lines = _without_warnings(ran.err)
    assert [bool(LINE.fullmatch(line)) for line in lines] == [True, True], ran.err
    assert lines[0].endswith(" s left")
    assert not lines[1].endswith("left")
    assert all(", held out " in line and ", rmp " in line for line in lines)
    assert ran.out == "Wrote net-snn.onnx; metrics of every epoch in net-snn.metrics.jsonl.\n"


def test_the_loop_takes_all_of_its_options(run: Callable[..., Any], here: Path) -> None:
    options = (
        *("--accumulate", 2, "--lr", 0.01, "--weight-decay", 0, "--momentum", 0.5, "--optimizer", "nesterov"),
        *("--scheduler", "step", "--step-epochs", 1, "--step-rate", 0.5, "--warmup-epochs", 1, "--clip", 1),
        *("--ema", 0.9, "--auto-augment", "randaugment", "--cutout", 2, "--mixup", 0.1, "--cutmix", 0.5),
        *("--label-smoothing", 0.1, "--distill", "net.onnx", "--distill-logits", 0.5, "--distill-features", 0.25),
        *("--distill-temperature", 2, "--workers", 0, "--bf16", "--channels-first", "--no-augment", "--seed", 3),
        *("--initial-ceiling", 3, "--max-pool", "--checkpoint-blocks", "--bias-lr", 2),
    )
    settings = run(*TRAIN, *options, "--json").json["settings"]
    expected = {
        "epochs": 2,
        "batch_size": 8,
        "accumulate": 2,
        "lr": 0.01,
        "weight_decay": 0.0,
        "momentum": 0.5,
        "optimizer": "nesterov",
        "bias_lr": 2.0,
        "scheduler": "step",
        "step_epochs": 1,
        "step_rate": 0.5,
        "warmup_epochs": 1,
        "clip": 1.0,
        "ema": 0.9,
        "augment": False,
        "shift": None,
        "padding": "zeros",
        "flips": "random",
        "auto_augment": "randaugment",
        "cutout": 2,
        "mixup": 0.1,
        "cutmix": 0.5,
        "label_smoothing": 0.1,
        "rmp_loss": 0.0,
        "rmp_sites": "inner",
        "distill_logits": 0.5,
        "distill_features": 0.25,
        "distill_temperature": 2.0,
        "bf16": True,
        "checkpoint_blocks": True,
        "channels_last": False,
        "workers": 0,
        "seed": 3,
        "total_levels": 8,
        "initial_ceiling": 3.0,
        "average_pool": False,
        "whitening": False,
        "neuron": None,
        "threshold_norm": True,
        "train_ceilings": False,
    }
    assert settings == expected


def test_its_defaults_are_those_of_the_settings(run: Callable[..., Any], here: Path) -> None:
    from snnconv.finetune import TrainSettings

    settings = run(*TRAIN, "--json").json["settings"]
    assert settings == TrainSettings(epochs=2, batch_size=8).to_dict()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--timesteps", "2"),
        ("--levels", "2"),
        ("--ceiling", "1"),
        ("--decay", "0.5"),
        ("--decay", "0"),
        ("--reset", "hard"),
        ("--mpr", None),
        ("--surrogate", "arctan"),
        ("--coupling", "mean"),
    ],
)
def test_options_of_neurons_need_a_neuron(option: str, value: str | None, refused: Callable[..., str]) -> None:
    said = refused(*TRAIN, option, *([] if value is None else [value]))
    assert f"{option}: only neurons have that; give --neuron too" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--neuron", "lmth"), "'lmth'"),
        (("--neuron", "if", "--decay", "0.5"), "neuron 'if' has no option 'decay'; it belongs to: lif, mlf"),
        (("--neuron", "mlf", "--mpr"), "neuron 'mlf' has no option 'mpr'"),
        (("--neuron", "lif", "--decay", "1.5"), "'--decay': 1.5 is not in the range 0<=x<=1"),
        (("--neuron", "lif", "--ceiling", "0"), "'--ceiling': 0.0 is not in the range x>0"),
        (("--neuron", "lif", "--surrogate", "arktan"), "arctan"),
        (("--neuron", "lif", "--timesteps", "0"), "--timesteps"),
        (
            ("--neuron", "mlf", "--rmp-loss", "0.1"),
            "--rmp-loss does not work with --neuron mlf: RMP-Loss is of neurons with one membrane",
        ),
        (("--rmp-loss", "0.1"), "--rmp-loss: it regularises membrane potentials, which only neurons have"),
        (("--neuron", "lif", "--rmp-loss", "0.1"), "let it take all (--rmp-sites all)"),
        (("--accumulate", "3"), "accumulate is 3: it must be a divisor of batch_size, which is 8"),
        (("--optimizer", "sdg"), "near it: sgd"),
        (("--optimizer", "fusedadam"), "cannot be had here"),
        (("--cutout", "8"), "cutout is 8, the images are 8 x 8 pixels"),
        (("--mixup", "0.1", "--batch-size", "5"), "give an even number"),
        (("--distill", "absent.onnx"), "absent.onnx does not exist"),
        (("--auto-augment", "augmix"), "--auto-augment"),
        (("--ema", "1"), "'--ema': 1.0 is not in the range 0<=x<1"),
        (("--workers", "-2"), "--workers"),
        (("--resume",), "There is no checkpoint net-qcfs.checkpoint: without --resume the training starts anew"),
        (("-o", "missing/out.onnx"), "the folder missing does not exist"),
        (("--lr", "1e30"), "the training diverged. Lower lr (it is 1e+30)"),
    ],
)
def test_what_cannot_be_is_refused(options: tuple[str, ...], said: str, refused: Callable[..., str]) -> None:
    assert said in refused(*TRAIN, *options)


def test_data_of_other_classes(make: Callable[..., str], here: Path, refused: Callable[..., str]) -> None:
    name = make("narrow.onnx", classes=4)
    said = refused("train", "--model", name, "--data", "npz:data.npz", "--epochs", 1)
    assert re.search(r"image \d+ has label \d, the network has 4 classes \(0..3\)", said)
    assert "no label" in refused("train", "--model", "net.onnx", "--data", "npz:plain.npz", "--epochs", 1)
    said = refused(*TRAIN, "--eval-data", "npz:plain.npz")
    assert "no label" in said


def test_an_interrupted_training_says_how_to_go_on(stopped: Any, run: Callable[..., Any], here: Path) -> None:
    assert stopped.code == 130
    assert stopped.err.splitlines()[-1] == "error: interrupted; net-qcfs.checkpoint is kept: go on with --resume"
    assert not (here / "net-qcfs.onnx").exists()
    ran = run(*TRAIN, "--resume", "--json")
    assert ran.code == 0
    assert [epoch["epoch"] for epoch in ran.json["epochs"]] == [1, 2]
    assert [LINE.fullmatch(line)[1] for line in _without_warnings(ran.err)] == ["2"]
    assert not (here / "net-qcfs.checkpoint").exists()
    resumed = (here / "net-qcfs.onnx").read_bytes()
    assert run(*TRAIN).code == 0
    assert (here / "net-qcfs.onnx").read_bytes() == resumed


def test_a_finished_training_says_so(run: Callable[..., Any], here: Path, refused: Callable[..., str]) -> None:
    first = run(*TRAIN, "--json")
    written = (here / "net-qcfs.onnx").read_bytes()
    again = run(*TRAIN, "--resume")
    assert (again.code, again.err) == (0, "")
    assert "The training is finished already: net-qcfs.onnx;" in again.out
    assert run(*TRAIN, "--resume", "--json").json == first.json
    assert (here / "net-qcfs.onnx").read_bytes() == written
    said = refused(*TRAIN, "--resume", "--epochs", 5)
    assert "is finished after 2 epochs, and 5 are asked for" in said
    (here / "net-qcfs.metrics.jsonl").unlink()
    assert "There is no checkpoint" in refused(*TRAIN, "--resume")


def test_an_unfinished_training_is_not_overwritten(stopped: Any, here: Path, refused: Callable[..., str]) -> None:
    said = refused(*TRAIN)
    assert "net-qcfs.checkpoint is the checkpoint of a training that did not finish: go on with --resume" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--lr", 0.05), "another training: lr is 0.05, the checkpoint's 0.1"),
        (("-N", 4), "total_levels is 4, the checkpoint's 8"),
        (("--neuron", "lif", "-o", "net-qcfs.onnx"), "neuron is {'kind': 'lif'"),
        (("--data", "npz:data.npz[:16]"), "another training: data is 'npz:data.npz[:16]'"),
        (("--distill", "net.onnx"), "teacher is"),
    ],
)
def test_another_trainings_checkpoint(
    options: tuple[Any, ...], said: str, stopped: Any, here: Path, refused: Callable[..., str]
) -> None:
    assert said in refused(*TRAIN, "--resume", *options)


@pytest.mark.parametrize("damage", [b"", b"garbage" * 40, None])
def test_a_damaged_checkpoint(damage: bytes | None, stopped: Any, here: Path, refused: Callable[..., str]) -> None:
    path = here / "net-qcfs.checkpoint"
    path.write_bytes(path.read_bytes()[:-100] if damage is None else damage)
    said = refused(*TRAIN, "--resume")
    assert "net-qcfs.checkpoint is no checkpoint of a training, or is damaged" in said
    assert "Remove it to start anew" in said


def test_a_training_that_diverges_keeps_its_checkpoint(
    run: Callable[..., Any], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from snnconv.finetune import trainer

    lost, objective = iter([False] * 3 + [True]), trainer.Objective.__call__  # two steps an epoch

    def diverging(self: Any, *given: Any) -> Any:
        loss, *rest = objective(self, *given)
        return (loss * float("nan") if next(lost) else loss, *rest)

    monkeypatch.setattr(trainer.Objective, "__call__", diverging)
    ran = run(*TRAIN)
    assert ran.code == 2
    assert re.search(r"error: The loss is nan in epoch 2, step 2 \(a batch of the images (\d+, ){7}\d+ of", ran.err)
    assert "The last good checkpoint is kept in net-qcfs.checkpoint." in ran.err
    monkeypatch.undo()
    monkeypatch.chdir(here)
    assert run(*TRAIN, "--resume").code == 0
    assert (here / "net-qcfs.onnx").exists()


def test_other_launched_processes_do_not_warn_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for rank, expected in (("0", "warning: once\n"), ("1", "")):
        monkeypatch.setenv("RANK", rank)
        show_warning(SnnconvWarning("once"), SnnconvWarning, "", 0)
        assert capsys.readouterr().err == expected


def test_event_frames(make: Callable[..., str], run: Callable[..., Any], here: Path) -> None:
    draw = np.random.default_rng(0)
    count, events = 12, 40
    np.savez(
        here / "events.npz",
        train_xyp=np.stack([draw.integers(0, high, count * events) for high in (8, 8, 2)], 1),
        train_t_us=np.concatenate([np.sort(draw.integers(0, 1000, events)) for _ in range(count)]),
        train_offset=np.arange(count + 1) * events,
        train_label=np.arange(count) % 3,
    )
    command = (
        "train",
        "--model",
        make("two.onnx", channels=2),
        "--data",
        "events:events.npz",
        "--epochs",
        1,
        "--batch-size",
        4,
    )
    found = run(*command, "--neuron", "lif", "-T", 3, "--mixup", 0.1, "--accumulate", 2, "--json").json
    assert (found["output"], found["timesteps"]) == ("two-snn.onnx", 3)
    assert load(here / "two-snn.onnx").input.timesteps == 3
    assert run("evaluate", "two-snn.onnx", "--data", "events:events.npz").code == 0
    assert run("finetune", "two-snn.onnx", "--data", "events:events.npz", "--epochs", 1).code == 0
    refusal = run(*command)
    assert refusal.code == 2
    assert "only a spiking network takes them. Give its neuron and T" in refusal.err


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--plain-norm",), "--plain-norm: only neurons"),
        (("--train-ceilings",), "--train-ceilings: only neurons"),
        (("--neuron", "lif", "-N", 4), "--total-levels: only a quantized network"),
        (("--neuron", "lif", "--initial-ceiling", 2), "--initial-ceiling: only a quantized network"),
    ],
)
def test_options_of_the_other_kind_of_network_are_refused(options, named, refused):
    assert named in refused("train", "--model", "net.onnx", "--data", "npz:data.npz", *options)


@pytest.mark.parametrize("options", [("--initial-ceiling", "3"), ("--max-pool",)])
def test_what_a_quantized_file_keeps(
    options: tuple[str, ...], run: Callable[..., Any], refused: Callable[..., str]
) -> None:
    assert run(*TRAIN).code == 0
    again = ("train", "--model", "net-qcfs.onnx", "--data", "npz:data.npz", "--epochs", "1")
    assert f"{options[0]}: net-qcfs.onnx is quantized already" in refused(*again, *options)
