"""`snnconv zoo`: what is listed, shown, trained and written, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from snnconv.loading import load
from snnconv.zoo.pretrained import list_networks, network_bytes
from snnconv.zoo.recipes import list_recipes

Run = Callable[..., Any]

TWO_STAGES = """
title = "QCFS, then LM-HT"
[data]
name = "digits"
spec = "digits"
[network]
name = "zoo:small-cnn"
[train]
batch_size = 50
weight_decay = 1e-4
[convert]
timesteps = 2
levels = 4
[finetune]
batch_size = 50
"""


@pytest.fixture
def mine(here: Path) -> Callable[[str], str]:
    """Write a recipe of one's own; returns the file's name."""

    def write(text: str) -> str:
        (here / "mine.toml").write_text(text)
        return "mine.toml"

    return write


@pytest.mark.parametrize("verb", ["list", "show", "train", "get"])
def test_help_has_an_example(verb: str, run: Run) -> None:
    ran = run("zoo", verb, "--help")
    assert ran.code == 0
    assert f"    snnconv zoo {verb}" in ran.out.split("Examples:")[1]


# list and show


def test_list_names_every_recipe_and_network(run: Run) -> None:
    ran = run("zoo", "list")
    assert ran.code == 0
    assert ran.err == ""
    for name in (*list_recipes(), *list_networks()):
        assert name in ran.out
    assert "96.25 verified" in ran.out
    assert "94.25 unverified" in ran.out
    assert "78.28 second-hand" in ran.out


def test_list_begins_with_what_a_laptop_runs(run: Run) -> None:
    out = run("zoo", "list").out
    places = [out.index(text) for text in ("Networks that come", "Recipes that a laptop", "Recipes for a GPU")]
    assert places == sorted(places)
    _, networks, small, _ = re.split(r"(?m)^(?=Networks that come|Recipes )", out)
    assert networks.index("small-cnn-digits-qcfs") < networks.index("resnet8-cifar10-qcfs")
    assert small.index("qcfs-small-cnn-digits") < small.index("qcfs-resnet8-cifar10-short")
    assert "paper" not in small  # nothing to stand in that column
    assert " - " not in small


def test_list_as_json(run: Run) -> None:
    found = run("zoo", "list", "--json").json
    assert [recipe["name"] for recipe in found["recipes"]] == list(list_recipes())
    assert [network["name"] for network in found["networks"]] == list(list_networks())
    for recipe in found["recipes"]:
        if recipe["figure"] is not None and recipe["figure"]["source"] == "memory":
            assert recipe["figure"]["status"] == "unverified"
        if recipe["timesteps"] is not None:
            assert recipe["total_levels"] == recipe["timesteps"] * recipe["levels"]


def test_show_says_what_rests_on_memory(run: Run) -> None:
    out = run("zoo", "show", "mlf-ds-resnet20-cifar10").out
    assert "94.25 % top-1 accuracy at T=4 (unverified: from memory: do not quote it)" in out
    assert "Differs from the paper:\n  - " in out
    assert "step_epochs 40" in out
    assert "neuron (kind mlf, timesteps 4" in out
    assert "snnconv zoo train mlf-ds-resnet20-cifar10 --data cifar10:DIR" in out


def test_show_gives_our_figure_with_hardware_date_and_command(run: Run) -> None:
    out = run("zoo", "show", "qcfs-small-cnn-digits").out
    assert "Ours: 98.33 ± 0.68 % on 359 images" in out
    assert "Intel" in out
    assert "2026-" in out
    assert "Paper" not in out


def test_show_as_json(run: Run) -> None:
    found = run("zoo", "show", "lmht-hybrid-resnet20-cifar100-t2", "--json").json
    assert found["figure"]["value"] == 67.08
    assert found["convert"] == {"timesteps": 2, "levels": 2, "coupling": "mean"}
    assert (found["train"]["total_levels"], found["finetune"]["lr"], found["data"]["spec"]) == (8, 5e-4, "cifar100:DIR")
    assert run("zoo", "show", "qcfs-small-cnn-digits", "--json").json["finetune"] is None


# get


def test_get_writes_a_network_with_its_card(run: Run, here: Path) -> None:
    ran = run("zoo", "get", "small-cnn-digits-qcfs")
    assert ran.code == 0
    written = here / "small-cnn-digits-qcfs.onnx"
    assert written.read_bytes() == network_bytes("small-cnn-digits-qcfs")
    assert load(written).provenance["recipe"] == "qcfs-small-cnn-digits"
    for told in ("98.33 ± 0.68 %", "359 images", "seed 0", "Apache-2.0", "N=8", f"Wrote {written.name}"):
        assert told in ran.out


def test_get_elsewhere_as_json(run: Run, here: Path) -> None:
    found = run("zoo", "get", "small-cnn-digits-qcfs", "-o", "other.onnx", "--json").json
    assert (found["output"], found["stage"], found["accuracy"][0]["images"]) == ("other.onnx", "quantized", 359)
    assert (here / "other.onnx").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("small-cnn-digits",), "did you mean 'small-cnn-digits-qcfs'?"),
        (("small-cnn-digits-qcfs", "-o", "missing/net.onnx"), "does not exist"),
        (("small-cnn-digits-qcfs", "-o", "."), "is a folder"),
    ],
)
def test_get_refuses(words: tuple[str, ...], message: str, refused: Run) -> None:
    assert message in refused("zoo", "get", *words)


# train


def test_train_a_recipe_of_the_package(run: Run, here: Path) -> None:
    ran = run("zoo", "train", "qcfs-small-cnn-digits", "--epochs", 1, "--eval-data", "digits[:20]", "--seed", 2)
    assert ran.code == 0, ran
    assert "epoch 1/1: loss " in ran.err
    assert "held out" in ran.err
    assert "Wrote qcfs-small-cnn-digits.onnx; metrics in qcfs-small-cnn-digits.metrics.jsonl." in ran.out
    model = load(here / "qcfs-small-cnn-digits.onnx")
    assert model.provenance["recipe"] == "qcfs-small-cnn-digits"
    assert model.provenance["finetune"]["seed"] == 2
    assert not (here / "qcfs-small-cnn-digits.checkpoint").exists()


def test_train_two_stages_of_ones_own(run: Run, here: Path, mine: Run) -> None:
    ran = run("zoo", "train", mine(TWO_STAGES), "--data", "digits[:100]", "--epochs", 1, "--json")
    assert ran.code == 0, ran
    assert "train:\nepoch 1/1" in ran.err
    assert "finetune:\nepoch 1/1" in ran.err
    found = ran.json
    assert (found["output"], found["quantized"]) == ("mine.onnx", "mine-qcfs.onnx")
    assert (found["stage"], found["timesteps"], found["levels"], found["coupling"]) == ("snn", 2, 4, "learned")
    assert [(stage["name"], len(stage["epochs"])) for stage in found["stages"]] == [("train", 1), ("finetune", 1)]
    written = {path.name for path in here.iterdir()} - {"net.onnx", "data.npz", "plain.npz", "mine.toml"}
    assert written == {"mine.onnx", "mine-qcfs.onnx", "mine.metrics.jsonl", "mine-qcfs.metrics.jsonl"}
    assert load(here / "mine.onnx").provenance["recipe"] == "mine"

    finished = ("zoo", "train", "mine.toml", "--data", "digits[:100]", "--epochs", 1, "--resume")
    assert "The training is finished already: mine.onnx." in run(*finished).out
    assert run(*finished, "--json").json == found

    (here / "mine.onnx").unlink()
    again = run("zoo", "train", "mine.toml", "--data", "digits[:100]", "--epochs", 1)
    assert again.code == 2
    assert "--resume" in again.err
    resumed = run("zoo", "train", "mine.toml", "--data", "digits[:100]", "--epochs", 1, "--resume")
    assert resumed.code == 0
    assert "train:" not in resumed.err
    assert "Wrote mine.onnx and mine-qcfs.onnx" in resumed.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("lmht-resnet18-cifar",), "did you mean 'lmht-resnet18-cifar10'"),
        (("lmht-resnet18-cifar10",), "give --data cifar10:DIR"),
        (("lmht-resnet18-cifar10", "--data", "cifar10:missing"), "missing"),
        (("missing.toml",), "missing.toml does not exist"),
        (("net.onnx",), "Unknown recipe 'net.onnx'"),
        (("qcfs-small-cnn-digits", "--epochs", "0"), "--epochs"),
        (("qcfs-small-cnn-digits", "--data", "digit"), "'digits'"),
        (("qcfs-small-cnn-digits", "--data", "plain.npz"), "plain.npz"),
        (("qcfs-small-cnn-digits", "--resume"), "There is no checkpoint"),
        (("qcfs-small-cnn-digits", "-o", "missing/net.onnx"), "does not exist"),
        (("lmht-hybrid-resnet20-cifar10", "--data", "npz:data.npz", "--resume"), "nothing to go on from"),
    ],
)
def test_train_refuses(words: tuple[str, ...], message: str, refused: Run) -> None:
    assert message in refused("zoo", "train", *words)


@pytest.mark.parametrize("verb", ["show", "train"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("weight_decay", "weight_decy"), "unknown key 'weight_decy' in [train]: did you mean 'weight_decay'?"),
        (("batch_size = 50\nweight", "lr = -1\nweight"), "Recipe 'mine.toml', [train]: lr is -1.0"),
        (("levels = 4", "levels = "), "line "),
    ],
)
def test_a_wrong_recipe_is_refused(
    verb: str, change: tuple[str, str], message: str, mine: Run, run: Run, here: Path
) -> None:
    assert change[0] in TWO_STAGES
    name = mine(TWO_STAGES.replace(*change))
    before = sorted(here.iterdir())
    ran = run("zoo", verb, name)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert sorted(here.iterdir()) == before
