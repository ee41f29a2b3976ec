"""`snnconv finetune`: from the file of a spiking network to another, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from snnconv.cli.training_run import Reporter
from snnconv.loading import load

DATA = ("--data", "npz:data.npz", "--epochs", 2, "--batch-size", 8)
TUNE = ("finetune", "snn.onnx", *DATA)
KEYS = {"source", "output", "metrics", "stage", "timesteps", "levels", "coupling", "settings", "epochs"}


@pytest.fixture
def snn(here: Path, run: Callable[..., Any]) -> Callable[..., str]:
    """`net.onnx` as a spiking network in `snn.onnx`, or of neurons that are trained from scratch."""

    def make(*options: object, neuron: str | None = None) -> str:
        verb = ("convert", "net.onnx", "-T", 2, "-L", 2, "--calibration-data", "npz:data.npz")
        if neuron is not None:
            verb = ("train", "--model", "net.onnx", *DATA, "--neuron", neuron, "-T", 2)
        ran = run(*verb, "-o", "snn.onnx", *options)
        assert ran.code == 0, ran.err
        (here / "snn.metrics.jsonl").unlink(missing_ok=True)
        return "snn.onnx"

    return make


def test_a_file_in_a_file_out(snn: Callable[..., str], run: Callable[..., Any], here: Path) -> None:
    snn()
    before = (here / "snn.onnx").read_bytes()
    ran = run(*TUNE, "--eval-data", "npz:data.npz", "--json")
    assert ran.code == 0
    found = ran.json
    assert found.keys() == KEYS
    assert (found["source"], found["output"], found["metrics"]) == (
        "snn.onnx",
        "snn-tuned.onnx",
        "snn-tuned.metrics.jsonl",
    )
    assert (found["stage"], found["timesteps"], found["levels"], found["coupling"]) == ("snn", 2, 2, "learned")
    assert [epoch["epoch"] for epoch in found["epochs"]] == [1, 2]
    lines = (here / found["metrics"]).read_text().splitlines()
    assert [json.loads(line) for line in lines] == found["epochs"]
    assert (here / "snn.onnx").read_bytes() == before
    assert sorted(path.name for path in here.glob("snn*")) == ["snn-tuned.metrics.jsonl", "snn-tuned.onnx", "snn.onnx"]
    assert "epoch 1/2: loss" in ran.err
    assert " images/s, " in ran.err
    assert " left" in ran.err
    evaluated = run("evaluate", "snn-tuned.onnx", "--data", "npz:data.npz", "--json").json
    assert (evaluated["coupling"], evaluated["timesteps"]) == ("learned", 2)
    assert evaluated["accuracy"] == pytest.approx(100 * found["epochs"][-1]["eval_accuracy"])


def test_without_json(snn: Callable[..., str], run: Callable[..., Any]) -> None:
    snn()
    assert run(*TUNE).out == "Wrote snn-tuned.onnx; metrics of every epoch in snn-tuned.metrics.jsonl.\n"


def test_all_of_it_at_once(snn: Callable[..., str], run: Callable[..., Any], here: Path) -> None:
    snn()
    options = (
        *("--timesteps", 3, "--levels", 1, "--rmp-loss", 0.1, "--rmp-sites", "all", "--mpr", "--optimizer", "adamw"),
        *("--lr", 1e-3, "--weight-decay", 0, "--distill", "net.onnx", "--distill-features", 0.1, "--train-ceilings"),
        *("--calibration-images", 10, "-o", "out.onnx"),
    )
    found = run(*TUNE, *options, "--json").json
    assert (found["output"], found["timesteps"], found["levels"]) == ("out.onnx", 3, 1)
    assert found["epochs"][0]["parts"].keys() == {"task", "rmp", "distillation"}
    settings = found["settings"]
    assert (settings["mpr"], settings["train_ceilings"], settings["calibration_images"]) == (True, True, 10)
    assert (settings["weight_decay"], settings["neuron"]) == (0.0, None)
    loaded = load(here / "out.onnx")
    assert all(site.rectified for site in loaded.graph.modules() if hasattr(site, "rectified"))


def test_its_defaults_are_those_of_the_settings(snn: Callable[..., str], run: Callable[..., Any]) -> None:
    from snnconv.finetune import FinetuneSettings

    snn()
    settings = run(*TUNE, "--json").json["settings"]
    assert settings == FinetuneSettings(epochs=2, batch_size=8).to_dict()


def test_learned_coupling_that_is_lost(snn: Callable[..., str], run: Callable[..., Any]) -> None:
    snn(neuron="lmht")
    ran = run(*TUNE, "-T", 3, "--json")
    assert "warning: The learned coupling and leak belong to T=2; at T=3 they start anew." in ran.err
    assert (ran.json["timesteps"], ran.json["coupling"]) == (3, "learned")
    ran = run(*TUNE, "-L", 3, "--json")
    assert "learned coupling" not in ran.err
    assert ran.json["levels"] == 3


@pytest.mark.parametrize("neuron", ["mht", "if", "lif", "mlf"])
def test_neurons_of_other_files_stay(neuron: str, snn: Callable[..., str], run: Callable[..., Any]) -> None:
    snn(neuron=neuron)
    found = run(*TUNE, "-T", 3, "--json").json
    assert (found["timesteps"], found["coupling"]) == (3, "causal")


@pytest.mark.parametrize(
    ("neuron", "options", "said"),
    [
        ("causal", ("--neuron", "lmht"), "continue it as it is with --neuron mht, or convert with --coupling mean"),
        ("lif", ("--neuron", "lmht"), "neurons are lif (causal coupling) and cannot become lmht"),
        ("lif", ("--levels", 2), "(lif) keep their 1 levels"),
        ("mlf", ("--levels", 2), "(mlf) keep their 3 levels"),
        ("mlf", ("--mpr",), "MLF neurons have several. Leave --mpr out"),
        ("mlf", ("--rmp-loss", 0.1), "RMP-Loss (--rmp-loss, in Python rmp_loss) does not work with these neurons: "),
        ("mean", ("--neuron", "lif"), "only mean-coupled mht can become lmht"),
        ("mean", ("--neuron", "lmth"), "'lmth'"),
        ("mean", ("--rmp-loss", 0.1), "let it take all (--rmp-sites all)"),
        ("mean", ("--timesteps", 0), "--timesteps"),
        ("mean", ("--calibration-images", 0), "--calibration-images"),
        ("mean", ("--resume",), "There is no checkpoint snn-tuned.checkpoint"),
        ("mean", ("--distill", "snn.onnx"), "The teacher is a spiking network"),
        ("mean", ("--distill", "absent.onnx"), "absent.onnx does not exist"),
        ("mean", ("--data", "npz:plain.npz"), "no label"),
        ("mean", ("-o", "snn.onnx"), "is a file that is read"),
        ("mean", ("--lr", "1e30"), "the training diverged"),
    ],
)
def test_what_cannot_be_is_refused(
    neuron: str, options: tuple[Any, ...], said: str, snn: Callable[..., str], refused: Callable[..., str]
) -> None:
    if neuron in ("mean", "causal"):
        snn("--coupling", neuron)
    else:
        snn(neuron=neuron)
    assert said in refused(*TUNE, *options)


def test_only_spiking_networks(run: Callable[..., Any], here: Path, refused: Callable[..., str]) -> None:
    assert "at the stage ann: convert it first" in refused("finetune", "net.onnx", *DATA)
    assert run("train", "--model", "net.onnx", *DATA).code == 0
    assert "at the stage quantized: convert it first" in refused("finetune", "net-qcfs.onnx", *DATA)
    assert "absent.onnx does not exist" in refused("finetune", "absent.onnx", *DATA)
    (here / "text.onnx").write_text("no network")
    assert "text.onnx" in refused("finetune", "text.onnx", *DATA)


def test_other_classes(snn: Callable[..., str], make: Callable[..., str], refused: Callable[..., str]) -> None:
    make("narrow.onnx", classes=4)
    make("net.onnx", classes=4)
    snn()  # of four classes, by images alone
    assert "the network has 4 classes (0..3)" in refused(*TUNE)
    make("net.onnx")
    snn()
    assert "The network has 10 classes, the teacher 4" in refused(*TUNE, "--distill", "narrow.onnx")


def test_going_on(
    snn: Callable[..., str], run: Callable[..., Any], here: Path, refused: Callable[..., str], monkeypatch: Any
) -> None:
    snn()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Reporter, "__call__", interrupt)
        ran = run(*TUNE, "--levels", 3)
    assert ran.code == 130
    assert "snn-tuned.checkpoint is kept: go on with --resume" in ran.err
    assert "did not finish: go on with --resume" in refused(*TUNE, "--levels", 3)
    assert "levels is 4, the checkpoint's 3" in refused(*TUNE, "--levels", 4, "--resume")
    assert "timesteps is 3, the checkpoint's None" in refused(*TUNE, "--levels", 3, "-T", 3, "--resume")
    assert run(*TUNE, "--levels", 3, "--resume").code == 0
    resumed = (here / "snn-tuned.onnx").read_bytes()
    assert not (here / "snn-tuned.checkpoint").exists()
    assert "finished already: snn-tuned.onnx" in run(*TUNE, "--levels", 3, "--resume").out
    assert run(*TUNE, "--levels", 3).code == 0
    assert (here / "snn-tuned.onnx").read_bytes() == resumed
