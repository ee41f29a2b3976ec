from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from snnconv.data import DataInfo, describe_data, open_data
from snnconv.errors import DataError, FileError, InvalidValueError
from snnconv.finetune import build_network, train
from snnconv.finetune.settings import TrainSettings
from snnconv.formats.onnx import save
from snnconv.model import Stage
from snnconv.networks import SmallCNN

DIGITS = DataInfo(1, 8, 8, 10, tuple("0123456789"), 1438)
COLOUR = DataInfo(3, 32, 32, 7, None, 100)
TINY = "timm:test_resnet"  # 0.5 million weights


def _logits_shape(model):
    return tuple(model.logits(torch.zeros(2, *model.input.sample_shape())).shape)


def test_our_own_network_fits_the_data(small_cnn):
    assert describe_data("digits", purpose="train") == DIGITS
    assert small_cnn.stage is Stage.ANN
    assert small_cnn.input.sample_shape() == (1, 8, 8)
    assert small_cnn.input.classes == DIGITS.class_names
    assert _logits_shape(small_cnn) == (2, 10)
    assert small_cnn.provenance["source"] == "zoo:small-cnn"


def test_its_weights_are_the_modules_and_follow_the_seed(small_cnn):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = SmallCNN(1, 10).eval()
    x = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(small_cnn.logits(x), module(x), rtol=1e-5, atol=1e-6)
    state = torch.get_rng_state()
    other = build_network("zoo:small-cnn", DIGITS, seed=1)
    assert not torch.allclose(other.logits(x), small_cnn.logits(x))
    assert torch.equal(torch.get_rng_state(), state)  # the caller's random numbers go on as they would have


def test_a_timm_network_fits_the_data():
    model = build_network(TINY, COLOUR)
    assert model.input.sample_shape() == (3, 32, 32)
    assert len(model.input.mean) == len(model.input.std) == 3
    assert _logits_shape(model) == (2, 7)
    kinds = {type(module).__name__ for module in model.graph.modules()}
    assert "BatchNorm2d" in kinds  # to be trained


def test_what_is_given_counts_more_than_what_is_known():
    model = build_network("zoo:small-cnn", DIGITS, size=40, mean=(0.5,), std=(0.25,), resize=44)
    assert model.input.sample_shape() == (1, 40, 40)
    assert (model.input.mean, model.input.std, model.input.resize) == ((0.5,), (0.25,), 44)


def test_a_file_is_taken_as_it_is(small_cnn, tmp_path):
    path = save(small_cnn, tmp_path / "ann.onnx")
    model = build_network(path, DIGITS, mean=(0.5,))
    assert model.input.mean == (0.5,)
    assert _logits_shape(model) == (2, 10)
    data = open_data("digits[:60]", model.input, purpose="train")
    assert train(str(path), data, TrainSettings(epochs=1, batch_size=30), device="cpu").input.mean == (0.5,)


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("timm:resnet_18", InvalidValueError, "timm has no model"),
        ("zoo:smal-cnn", InvalidValueError, "small-cnn"),
        ("absent.onnx", FileError, "does not exist"),
    ],
)
def test_unknown_names_are_refused(name, error, says):
    with pytest.raises(error, match=says):
        build_network(name, DIGITS)


def test_data_that_leave_classes_or_size_open_are_refused():
    with pytest.raises(DataError, match="no labels"):
        build_network("zoo:small-cnn", replace(DIGITS, classes=None))
    with pytest.raises(InvalidValueError, match="size=N"):
        build_network("zoo:small-cnn", replace(DIGITS, height=None, width=None))
