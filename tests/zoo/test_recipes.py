from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
import timm

from snnconv.errors import FileError, InvalidValueError
from snnconv.networks import NETWORKS
from snnconv.zoo.recipes import Figure, list_recipes, read_recipe

DOCS = Path(__file__).parents[2] / "docs" / "zoo.md"
RECIPES = list_recipes()

# METHODS: figures in percent by T, and whether they were read in the paper or its authors' code
PUBLISHED = {
    "inflor-resnet19-cifar10": (96.27, 4, "memory"),
    "inflor-resnet20-cifar10": (93.01, 5, "memory"),
    "inflor-resnet34-imagenet": (65.54, 4, "memory"),
    "lmht-hybrid-resnet20-cifar100-t2": (67.08, 2, "paper"),
    "lmht-hybrid-resnet20-cifar100-t4": (69.00, 4, "paper"),
    "lmht-hybrid-vgg16-cifar100-t2": (76.31, 2, "paper"),
    "lmht-hybrid-vgg16-cifar100-t4": (76.79, 4, "paper"),
    "lmht-ms-resnet34-imagenet": (70.90, 2, "paper"),
    "lmht-resnet18-cifar10": (96.25, 2, "paper"),
    "lmht-resnet18-cifar100": (79.33, 2, "paper"),
    "lmht-resnet18-cifar10dvs": (80.70, 2, "paper"),
    "lmht-resnet19-cifar10": (96.89, 2, "paper"),
    "lmht-resnet19-cifar100": (81.76, 2, "paper"),
    "lmht-vgg13-tinyimagenet": (61.09, 2, "paper"),
    "mlf-ds-resnet14-cifar10dvs": (70.36, 10, "memory"),
    "mlf-ds-resnet20-cifar10": (94.25, 4, "memory"),
    "mlf-ds-resnet20-dvsgesture": (97.29, 40, "memory"),
    "qcfs-resnet20-cifar100-t4": (34.17, 4, "second-hand"),
    "qcfs-resnet20-cifar100": (55.50, 8, "second-hand"),
    "rmp-resnet19-cifar100-t2": (74.66, 2, "second-hand"),
    "rmp-resnet19-cifar100-t4": (78.28, 4, "second-hand"),
    "rmp-resnet19-cifar100-t6": (78.98, 6, "second-hand"),
    "rmp-resnet19-cifar10dvs": (76.20, 10, "second-hand"),
    "rmp-resnet34-imagenet": (65.17, 4, "second-hand"),
    "rmp-vgg16-cifar10": (94.39, 10, "second-hand"),
    "rmp-vgg16-cifar100": (73.30, 10, "second-hand"),
}

SMALL = """
title = "mine"
[data]
name = "digits"
spec = "digits"
[network]
name = "zoo:small-cnn"
[train]
epochs = 2
weight_decay = 1e-4
"""


@pytest.fixture
def mine(tmp_path):
    """Write a recipe; returns its path."""

    def write(text, name="mine.toml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


# Those that come with the package


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_whole(name):
    recipe = read_recipe(name)
    assert recipe.name == name
    scheme, network = recipe.network.name.split(":")
    assert network in (NETWORKS if scheme == "zoo" else timm.list_models())
    if recipe.figure is not None and recipe.timesteps is not None:
        assert recipe.figure.timesteps == recipe.timesteps
    assert recipe.train.epochs > recipe.train.warmup_epochs
    short = recipe.adapted(epochs=1, seed=7)
    assert short.train.epochs == 1
    assert {each.seed for each in (short.train, short.finetune) if each is not None} == {7}


@pytest.mark.parametrize("name", RECIPES)
def test_figures_are_the_published_ones_and_say_where_they_are_from(name):
    figure = read_recipe(name).figure
    if figure is None:
        assert name not in PUBLISHED
        return
    assert (figure.value, figure.timesteps, figure.source) == PUBLISHED[name]
    assert figure.verified == (figure.source == "paper")


@pytest.mark.parametrize("name", RECIPES)
def test_what_an_unpublished_recipe_is(name):
    recipe = read_recipe(name)
    assert recipe.paper is not None or recipe.title.startswith("Ours: ")


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_not_said_stays_as_it_is_by_default(name):
    """A recipe's choices are in its file: every key there reaches the settings."""
    written = tomllib.loads((files("snnconv.zoo.recipes") / f"{name}.toml").read_text())
    recipe = read_recipe(name)
    for table, settings in (("train", recipe.train), ("finetune", recipe.finetune)):
        for key, value in written.get(table, {}).items():
            if key != "neuron" or isinstance(value, str):
                assert getattr(settings, key) == value
            else:
                assert all(getattr(settings.neuron, name) == each for name, each in value.items())


def test_the_recipe_of_lmht():
    train = read_recipe("lmht-resnet18-cifar10").train
    assert (train.optimizer, train.lr, train.weight_decay, train.epochs, train.batch_size) == (
        "nesterov",
        0.025,
        5e-4,
        300,
        64,
    )
    assert (train.neuron.kind, train.neuron.timesteps, train.neuron.firing_levels) == ("lmht", 2, 2)
    assert train.neuron.initial_ceiling == 2
    assert train.auto_augment == "autoaugment"
    assert train.cutout


def test_the_recipe_of_mlf():
    train = read_recipe("mlf-ds-resnet14-cifar10dvs").train
    assert (train.scheduler, train.step_epochs, train.step_rate, train.weight_decay) == ("step", 40, 0.1, 1e-3)
    assert (train.epochs, train.batch_size, train.neuron.firing_levels) == (100, 32, 3)


def test_steps_of_the_learning_rate_keep_their_place_in_fewer_epochs():
    assert read_recipe("mlf-ds-resnet20-cifar10").adapted(epochs=11).train.step_epochs == 4


def test_a_warm_up_ends_before_the_epochs():
    assert read_recipe("qcfs-resnet8-cifar10-short").adapted(epochs=1).train.warmup_epochs == 0


@pytest.mark.parametrize(
    ("name", "window"),
    [
        ("qcfs-resnet20-cifar10", (None, None, 8)),
        ("qcfs-resnet20-cifar100", (8, 1, 8)),
        ("lmht-hybrid-resnet20-cifar100-t2", (2, 2, 4)),
        ("rmp-vgg16-cifar10", (10, 1, 10)),
    ],
)
def test_time_steps_and_levels(name, window):
    recipe = read_recipe(name)
    assert (recipe.timesteps, recipe.levels, recipe.total_levels) == window


# A user's own


def test_a_file_of_ones_own(mine):
    recipe = read_recipe(mine(SMALL))
    assert (recipe.name, recipe.title, recipe.figure) == ("mine", "mine", None)
    train = recipe.train
    assert (train.epochs, train.weight_decay) == (2, 1e-4)
    assert isinstance(train.lr, float)


def test_the_recipe_of_the_docs(mine):
    (text,) = re.findall(r"```toml\n(.*?)```", DOCS.read_text(), flags=re.S)
    recipe = read_recipe(mine(text))
    assert (recipe.timesteps, recipe.levels, recipe.total_levels) == (2, 4, recipe.train.total_levels)


def test_whole_numbers_are_numbers(mine):
    assert read_recipe(mine(SMALL + "lr = 1\n")).train.lr == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("weight_decay", "weight_decy"), r"unknown key 'weight_decy' in \[train\]: did you mean 'weight_decay'"),
        (("epochs = 2", "epoch = 2"), r"unknown key 'epoch' in \[train\]: did you mean 'epochs'"),
        (("title", "titel"), r"unknown key 'titel' at the top of the file: did you mean 'title'"),
        (("spec", "spek"), r"unknown key 'spek' in \[data\]: did you mean 'spec'"),
        (('spec = "digits"', 'spec = "digit"'), r"\[data\]: .*'digits'"),
        (("zoo:small-cnn", "zoo:smal-cnn"), r"\[network\]: Unknown network 'smal-cnn': did you mean small-cnn"),
        (("zoo:small-cnn", "small-cnn"), r"\[network\]: .*zoo:NAME or timm:NAME"),
        (("epochs = 2", "epochs = 0"), r"Recipe '.*mine.toml', \[train\]: epochs is 0"),
        (("epochs = 2", "epochs = true"), r"'.*mine.toml', \[train\]: epochs is True: it must be a whole number"),
        (("epochs = 2", "epochs = 2.5"), r"epochs is 2.5: it must be a whole number"),
        (("epochs = 2", 'lr = "fast"'), r"\[train\]: lr is 'fast': it must be a number"),
        (("epochs = 2", "lr = nan"), r"\[train\]: lr is nan"),
        (("epochs = 2", "augment = 1"), r"augment is 1: it must be true or false"),
        (("epochs = 2", "optimizer = 3"), r"optimizer is 3: it must be text"),
        (("epochs = 2", "lr = 2026-01-01"), r"lr is 2026-01-01: it must be a number"),
        (("epochs = 2", 'neuron = "lif"'), r"train.neuron is 'lif'; it must be a table, \[train.neuron\]"),
        (('title = "mine"', ""), r"Recipe .*: title must stand at the top of the file"),
        (('title = "mine"', 'title = "mine"\ndiffers = "much"'), r"differs is 'much': it must be a list"),
        (('title = "mine"', 'title = "mine"\ndiffers = [1]'), r"differs is 1: it must be text"),
        (("[network]", "[[network]]"), r"network is \[.*it must be a table"),
        (("[train]", "[finetune]\nlr = 1.0\n[train]"), r"\[finetune\] and no \[convert\]"),
        (
            ("[train]", "[convert]\ntimesteps = 2\nlevels = 2\n[train.neuron]\n[train]"),
            r"\[convert\] and \[train.neuron\]",
        ),
        (("[network]", "shape = [32, 32]\n[network]"), r"\[data\]: shape is \[32, 32\]: it must be channels"),
        (("[network]", "shape = [3, 0, 32]\n[network]"), r"\[data\]: shape is \[3, 0, 32\]"),
        (("[network]", "classes = 1\n[network]"), r"\[data\]: classes is 1: it must be at least 2"),
        (("[train]", "[convert]\ntimesteps = 0\nlevels = 2\n[train]"), r"\[convert\]: timesteps is 0"),
        (
            ("[train]", "[convert]\ntimesteps = 2\nlevels = 2\ncoupling = 'no'\n[train]"),
            r"coupling .*one of mean, causal",
        ),
        (
            ("[train]", "[train.neuron]\nkind = 'lmth'\n[train]"),
            r"\[train.neuron\]: Unknown neuron 'lmth': did you mean lmht",
        ),
        (("[train]", "[train.neuron]\nlevel = 2\n[train]"), r"'level' in \[train.neuron\]: did you mean 'levels'"),
        (
            ("[train]", "[train.neuron]\nkind = 'mlf'\nmpr = true\n[train]"),
            r"\[train.neuron\]: neuron 'mlf' has no option 'mpr'",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_table(mine, change, message):
    assert change[0] in SMALL
    path = mine(SMALL.replace(*change, 1))
    with pytest.raises(InvalidValueError, match=message):
        read_recipe(path)


def test_a_stage_of_finetuning_has_its_own_keys(mine):
    text = SMALL + "[convert]\ntimesteps = 2\nlevels = 2\n[finetune]\ntotal_levels = 4\n"
    with pytest.raises(InvalidValueError, match=r"unknown key 'total_levels' in \[finetune\]"):
        read_recipe(mine(text))


def test_an_unknown_name_names_near_ones():
    with pytest.raises(InvalidValueError, match="'lmht-resnet18-cifar10'"):
        read_recipe("lmht-resnet18-cifar-10")
    with pytest.raises(InvalidValueError, match="qcfs-small-cnn-digits"):
        read_recipe("")


@pytest.mark.parametrize(
    ("text", "message"),
    [(SMALL + "lr = \n", "line 11"), (SMALL + "epochs = 3\n", "epochs|overwrite"), (b"\xff", "UTF-8")],
)
def test_no_toml(mine, text, message):
    with pytest.raises(FileError, match=message):
        read_recipe(mine(text))


def test_files_that_are_not_there(tmp_path):
    for path in (tmp_path / "missing.toml", "a\0b.toml"):
        with pytest.raises(FileError):
            read_recipe(path)
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(FileError, match="cannot be read"):
        read_recipe(tmp_path / "folder.toml")


# Figures


def test_only_what_was_read_is_verified():
    with pytest.raises(InvalidValueError, match="verified is true and the source is memory"):
        Figure("accuracy", 90.0, "memory", True, 4)
    with pytest.raises(InvalidValueError, match="percentage"):
        Figure("accuracy", 101.0, "paper", True, 4)
    status = [Figure("accuracy", 1.0, source, False, 4).status for source in ("paper", "memory", "second-hand")]
    assert status == ["unverified", "unverified", "second-hand"]
    assert Figure("accuracy", 1.0, "code", True, 4).status == "verified"


def test_a_figure_has_a_paper(mine):
    text = SMALL + '[figure]\nmetric = "accuracy"\nvalue = 90\ntimesteps = 4\nsource = "paper"\nverified = true\n'
    with pytest.raises(InvalidValueError, match=r"a \[figure\] and no \[paper\]"):
        read_recipe(mine(text))


@pytest.mark.parametrize("table", ["data", "network", "train"])
def test_a_missing_table_is_named_as_one(table, mine):
    text = re.sub(rf"^\[{table}\]\n(?:[^\[].*\n?)*", "", SMALL, flags=re.M)
    assert f"[{table}]" not in text
    with pytest.raises(InvalidValueError, match=rf"it needs the table \[{table}\]"):
        read_recipe(mine(text))
