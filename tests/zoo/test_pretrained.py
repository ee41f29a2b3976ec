from __future__ import annotations

import math
import re
from importlib.resources import as_file, files

import pytest

from snnconv.errors import FileError, InvalidValueError
from snnconv.loading import load
from snnconv.spiking.sites import iter_sites
from snnconv.zoo.pretrained import list_networks, network_bytes, read_card
from snnconv.zoo.recipes import list_recipes

FOLDER = files("snnconv.zoo.pretrained")
NETWORKS = list_networks()
MOST_BYTES = 2_000_000
ROUNDING = 0.006  # of percentages with two decimals

CARD = """
description = "A network."
recipe = "qcfs-small-cnn-digits"
seed = 0
hardware = "a machine"
date = 2026-01-02
stage = "snn"
timesteps = 2
levels = 2
total_levels = 4
[data]
name = "digits"
images = 10
terms = "free"
[[accuracy]]
data = "others"
images = 100
value = 90
standard_error = 3
"""


@pytest.fixture
def folder(tmp_path):
    """A folder of networks with one pair in it."""
    (tmp_path / "tiny-snn.onnx").write_bytes(b"network")
    (tmp_path / "tiny-snn.toml").write_text(CARD)
    return tmp_path


# Those that come with the package


def test_every_network_has_a_card_and_every_card_a_network():
    names = {file.name for file in FOLDER.iterdir()}
    for one, other in ((".onnx", ".toml"), (".toml", ".onnx")):
        found = [name.removesuffix(one) for name in names if name.endswith(one)]
        assert found
        assert all(f"{name}{other}" in names for name in found)
    assert "small-cnn-digits-qcfs" in NETWORKS


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_what_its_card_says(name):
    card = read_card(name)
    assert len(network_bytes(name)) < MOST_BYTES
    with as_file(FOLDER / f"{name}.onnx") as path:
        model = load(path)
    assert (model.stage.value, model.timesteps, model.levels) == (card.stage, card.timesteps, card.levels)
    if card.stage == "quantized":
        assert {site.total_levels for _, site in iter_sites(model.graph)} == {card.total_levels}
    assert model.input.mean is not None
    assert model.provenance["finetune"]["seed"] == card.seed
    assert model.provenance["finetune"]["images"] == card.data.images
    assert card.recipe in list_recipes()
    assert card.licence == "Apache-2.0"


@pytest.mark.parametrize("name", NETWORKS)
def test_standard_errors_are_those_of_shares(name):
    for accuracy in read_card(name).accuracy:
        p = accuracy.value / 100
        assert accuracy.standard_error == pytest.approx(100 * math.sqrt(p * (1 - p) / accuracy.images), abs=ROUNDING)
        assert accuracy.value * accuracy.images / 100 == pytest.approx(
            round(accuracy.value * accuracy.images / 100), abs=ROUNDING * accuracy.images / 100
        )


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_tells_where_it_was_made(name):
    assert not re.search(rb'[":,][/~]\w+/', network_bytes(name))


# The mechanics


def test_pairs_are_found(folder):
    (folder / "alone.onnx").write_bytes(b"")
    (folder / "alone-card.toml").write_text(CARD)
    assert list_networks(folder) == ("tiny-snn",)
    assert network_bytes("tiny-snn", folder) == b"network"
    card = read_card("tiny-snn", folder)
    assert (card.name, card.timesteps, card.levels, card.licence) == ("tiny-snn", 2, 2, "Apache-2.0")
    assert str(card.accuracy[0]) == "90.00 ± 3.00 %"
    assert card.to_dict()["date"] == "2026-01-02"


def test_a_miss_names_near_ones(folder):
    for ask in (read_card, network_bytes):
        with pytest.raises(InvalidValueError, match=r"No network 'tiny'.*did you mean 'tiny-snn'"):
            ask("tiny", folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("seed", "sede"), "The card of 'tiny-snn': unknown key 'sede'.*'seed'"),
        (('"snn"', '"quantized"'), "an SNN has timesteps and levels"),
        (("levels = 2\n", ""), "an SNN has timesteps and levels"),
        (("total_levels = 4", "total_levels = 5"), "timesteps times levels"),
        (("2026-01-02", '"yesterday"'), "date is 'yesterday': it must be a date"),
        (("value = 90", "value = 900"), r"\[accuracy\]: value is 900.0"),
        (("images = 100", "images = 0"), r"\[accuracy\]: images is 0"),
    ],
)
def test_a_wrong_card_is_refused(folder, change, message):
    assert change[0] in CARD
    (folder / "tiny-snn.toml").write_text(CARD.replace(*change, 1))
    with pytest.raises(InvalidValueError, match=message):
        read_card("tiny-snn", folder)


def test_a_damaged_card_is_refused(folder):
    (folder / "tiny-snn.toml").write_text("= 3")
    with pytest.raises(FileError, match="line 1"):
        read_card("tiny-snn", folder)
