from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from snnconv.data import open_data
from snnconv.errors import DataError, FileError, InvalidValueError, SnnconvError
from snnconv.finetune.build import build_network
from snnconv.loading import load
from snnconv.model import Stage
from snnconv.neurons import Coupling
from snnconv.zoo import running as recipes
from snnconv.zoo.recipe_files import RecipeFiles
from snnconv.zoo.recipes import read_recipe
from snnconv.zoo.running import run_recipe

DATA = "digits[:200]"
TWO_STAGES = """
title = "QCFS, then LM-HT"
[data]
name = "digits"
spec = "digits"
[network]
name = "zoo:small-cnn"
[train]
total_levels = 8
initial_ceiling = 4.0
batch_size = 50
epochs = 2
warmup_epochs = 1
[convert]
timesteps = 2
levels = 2
[finetune]
batch_size = 50
epochs = 2
lr = 0.01
"""
FROM_SCRATCH = """
title = "neurons from scratch"
[data]
name = "digits"
spec = "digits"
[network]
name = "zoo:small-cnn"
[train]
batch_size = 50
epochs = 1
[train.neuron]
kind = "lif"
timesteps = 3
"""


class KilledError(Exception):
    pass


@pytest.fixture(scope="module", autouse=True)
def _networks_are_built_once():
    """Building one takes ten times as long as training it here; what is built is not changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipes, "build_network", cache(build_network))
        yield


@pytest.fixture(scope="module")
def two_stages(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "two.toml"
    path.write_text(TWO_STAGES)
    return read_recipe(path)


@pytest.fixture(scope="module")
def whole(two_stages, tmp_path_factory):
    """The result of the two stages without an interruption."""
    files = RecipeFiles(tmp_path_factory.mktemp("whole") / "net.onnx")
    return run_recipe(two_stages, DATA, device="cpu", files=files)


@pytest.fixture
def files(tmp_path):
    return RecipeFiles(tmp_path / "net.onnx")


def weights(model):
    return {name: value for name, value in model.graph.state_dict().items() if value.is_floating_point()}


def assert_equal(one, other):
    mine, its = weights(one), weights(other)
    assert mine.keys() == its.keys()
    assert mine
    for name, value in mine.items():
        torch.testing.assert_close(value, its[name], rtol=0, atol=0)


def killed_after(stage, epochs):
    """Callbacks that end the process, as it were, after so many epochs of a stage; 0: before its first."""
    at = []

    def on_stage(name, settings):
        at.append(name)
        if name == stage and epochs == 0:
            raise KilledError

    def on_epoch(metrics):
        if at[-1] == stage and metrics.epoch == epochs:
            raise KilledError

    return {"on_stage": on_stage, "on_epoch": on_epoch}


# Running


def test_a_recipe_by_name_on_the_data_that_come_along():
    seen = []
    model = run_recipe("qcfs-small-cnn-digits", epochs=1, seed=3, on_epoch=seen.append, device="cpu")
    assert (model.stage, len(seen)) == (Stage.QUANTIZED, 1)
    assert model.provenance["recipe"] == "qcfs-small-cnn-digits"
    assert model.provenance["finetune"]["data"] == "digits"
    assert model.provenance["finetune"]["settings"]["epochs"] == 1
    assert model.provenance["finetune"]["seed"] == 3


def test_two_stages_make_a_spiking_network(two_stages):
    stages = []
    model = run_recipe(
        two_stages, DATA, epochs=1, on_stage=lambda name, settings: stages.append((name, settings.epochs)), device="cpu"
    )
    assert stages == [("train", 1), ("finetune", 1)]
    assert (model.stage, model.timesteps, model.levels, model.coupling) == (Stage.SNN, 2, 2, Coupling.LEARNED)
    assert model.provenance["recipe"] == "two"
    x, _ = next(iter(open_data("digits", model.input, purpose="eval").batches(8)))
    assert model.logits(x).shape == (8, 10)


def test_conversion_alone_may_follow(two_stages, tmp_path):
    path = tmp_path / "converted.toml"
    path.write_text(TWO_STAGES.split("[finetune]")[0].replace("levels = 2\n", 'levels = 4\ncoupling = "causal"\n'))
    model = run_recipe(path, DATA, epochs=1, device="cpu")
    assert (model.timesteps, model.levels, model.coupling) == (2, 4, Coupling.CAUSAL)
    assert model.provenance["conversion"]["coupling"] == "causal"


def test_neurons_from_scratch(tmp_path):
    path = tmp_path / "scratch.toml"
    path.write_text(FROM_SCRATCH)
    model = run_recipe(path, DATA, device="cpu")
    assert (model.stage, model.timesteps, model.levels) == (Stage.SNN, 3, 1)


def test_what_the_data_table_says_reaches_the_network(tmp_path):
    path = tmp_path / "scaled.toml"
    path.write_text(
        FROM_SCRATCH.replace('spec = "digits"', 'spec = "digits"\nmean = [0.3]\nstd = [0.5]\nsize = 12\nresize = 12')
    )
    model = run_recipe(path, DATA, device="cpu")
    assert (model.input.mean, model.input.std, model.input.height, model.input.resize) == ((0.3,), (0.5,), 12, 12)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("shape = [3, 32, 32]", "1 x 8 x 8 .* in 10 classes.*made for digits, images of 3 x 32 x 32 .* in any classes"),
        ("shape = [1, 8, 9]", "1 x 8 x 8 .*made for digits, images of 1 x 8 x 9"),
        ("classes = 12", "in 10 classes.*any x any x any .* in 12 classes"),
        ("classes = 9", "in 10 classes.* in 9 classes"),
        ("size = 16\nshape = [3, 16, 16]", "1 x 8 x 8 .*made for digits, images of 3 x 16 x 16"),
    ],
)
def test_data_of_another_kind_are_refused_before_any_work(rows, said, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(FROM_SCRATCH.replace('spec = "digits"', f'spec = "digits"\n{rows}'))
    with pytest.raises(DataError, match=said):
        run_recipe(path, DATA, device="cpu")


@pytest.mark.parametrize("rows", ["shape = [1, 8, 8]\nclasses = 10", "size = 8\nshape = [1, 9, 9]"])
def test_data_of_the_recipes_kind_are_taken(rows, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(FROM_SCRATCH.replace('spec = "digits"', f'spec = "digits"\n{rows}'))
    assert run_recipe(path, DATA, device="cpu").stage is Stage.SNN


def test_numbers_of_classes_that_a_part_lacks_are_still_outputs(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(FROM_SCRATCH.replace('spec = "digits"', 'spec = "digits"\nclasses = 10'))
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "part.npz", x=rng.integers(255, size=(60, 8, 8), dtype=np.uint8), y=np.arange(60) % 7)
    snn = run_recipe(path, f"npz:{tmp_path / 'part.npz'}", device="cpu")
    assert snn.logits(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


def test_data_that_do_not_come_along_must_be_given():
    with pytest.raises(DataError, match=r"trained on CIFAR-10.*--data cifar10:DIR"):
        run_recipe("lmht-resnet18-cifar10")


def test_wrong_epochs_are_refused():
    with pytest.raises(InvalidValueError, match="epochs is 0"):
        run_recipe("qcfs-small-cnn-digits", epochs=0)


# Going on


@pytest.mark.parametrize(("stage", "epochs"), [("train", 1), ("finetune", 0), ("finetune", 1)])
def test_a_run_that_was_killed_goes_on_where_it_stood(stage, epochs, two_stages, whole, files, tmp_path):
    run = {"data": DATA, "device": "cpu"}
    files.check(two_stages)
    with pytest.raises(KilledError):
        run_recipe(two_stages, **run, files=files, **killed_after(stage, epochs))
    with pytest.raises(FileError, match="--resume"):
        files.check(two_stages)
    going_on = RecipeFiles(files.output, resume=True)
    going_on.check(two_stages)
    done = []
    resumed = run_recipe(
        two_stages,
        **run,
        files=going_on,
        on_stage=lambda name, _: done.append(name),
        on_epoch=lambda m: done.append(m.epoch),
    )
    left = {
        ("train", 1): ["train", 2, "finetune", 1, 2],
        ("finetune", 0): ["finetune", 1, 2],
        ("finetune", 1): ["finetune", 2],
    }
    assert done == left[stage, epochs]
    assert_equal(resumed, whole)
    going_on.finish(two_stages)
    assert sorted(path.name for path in tmp_path.glob("net*")) == [
        "net-qcfs.metrics.jsonl",
        "net-qcfs.onnx",
        "net.metrics.jsonl",
    ]
    assert load(files.quantized).provenance["recipe"] == "two"


def test_a_recipe_of_one_stage_goes_on(tmp_path):
    recipe, files = read_recipe("qcfs-small-cnn-digits"), RecipeFiles(tmp_path / "net.onnx")
    run = {"data": DATA, "epochs": 2, "device": "cpu"}
    files.check(recipe)
    with pytest.raises(KilledError):
        run_recipe(recipe, **run, files=files, **killed_after("train", 1))
    with pytest.raises(FileError, match="--resume"):
        files.check(recipe)
    going_on = RecipeFiles(files.output, resume=True)
    going_on.check(recipe)
    assert_equal(run_recipe(recipe, **run, files=going_on), run_recipe(recipe, **run))
    going_on.finish(recipe)
    assert [path.name for path in tmp_path.iterdir()] == ["net.metrics.jsonl"]


def test_the_first_stage_of_another_training_is_refused(two_stages, files):
    with pytest.raises(KilledError):
        run_recipe(two_stages, DATA, epochs=1, device="cpu", files=files, **killed_after("finetune", 0))
    going_on = RecipeFiles(files.output, resume=True)
    for changed, told in (
        ({"epochs": 2}, "epochs is 2, the file's 1"),
        ({"data": "digits[:150]"}, "images is 150, the file's 200"),
    ):
        with pytest.raises(InvalidValueError, match=told):
            run_recipe(two_stages, **{"data": DATA, "epochs": 1, "device": "cpu", **changed}, files=going_on)


def test_nothing_to_go_on_from(two_stages, tmp_path):
    for recipe in (two_stages, read_recipe("qcfs-small-cnn-digits")):
        with pytest.raises(FileError, match="ithout --resume"):
            RecipeFiles(tmp_path / "net.onnx", resume=True).check(recipe)


def test_a_first_stage_that_is_none_is_refused(two_stages, files):
    files.quantized.write_bytes(b"nothing")
    with pytest.raises(SnnconvError):
        run_recipe(two_stages, DATA, device="cpu", files=RecipeFiles(files.output, resume=True))


def test_a_finished_run_may_start_anew(two_stages, files):
    for path in (files.quantized, files.output):
        path.write_bytes(b"")
    files.check(two_stages)


def test_folders_that_are_not_there_are_refused_before_any_work(two_stages, tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        RecipeFiles(tmp_path / "missing" / "net.onnx").check(two_stages)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("levels = 2", "levels = 65536", r"above 65536 levels"),
        ("lr = 0.01", 'lr = 0.01\nneuron = "lif"', r"neuron in \[finetune\] is 'lif'; under mean.*lmht or mht"),
        ("levels = 2", 'levels = 2\ncoupling = "causal"', None),
        (
            "levels = 2",
            'levels = 2\ncoupling = "causal"\n[finetune]\nneuron = "lmht"',
            r"is 'lmht'; under causal coupling it must be mht",
        ),
    ],
)
def test_a_second_stage_that_cannot_be_is_refused_before_the_first(old, new, said, tmp_path):
    path = tmp_path / "two.toml"
    text = TWO_STAGES.replace(old, new, 1)
    path.write_text(text[: text.rindex("[finetune]")] if text.count("[finetune]") > 1 else text)
    if said is None:
        read_recipe(path)
    else:
        with pytest.raises(InvalidValueError, match=said):
            run_recipe(read_recipe(path), DATA, on_stage=lambda *_: pytest.fail("it began"), device="cpu")
