"""The input spec and the artifact that every verb takes and returns."""

from __future__ import annotations

import json

import pytest
import torch
from graph_cases import images, plain, quantize

from snnconv.errors import InvalidValueError, ModelError
from snnconv.model import InputSpec
from snnconv.spiking.unrolling import spike

FULL = InputSpec(3, 8, 10, mean=(0.1, 0.2, 0.3), std=(0.5,), resize=12, classes=("cat", "<script>"))


@pytest.mark.parametrize(
    ("spec", "shape"),
    [
        (InputSpec(3, 8, 10), (3, 8, 10)),
        (InputSpec(3, 8, 10, layout="NHWC"), (8, 10, 3)),
        (InputSpec(7, None, None, layout="NC"), (7,)),
    ],
)
def test_the_shape_of_one_input(spec, shape):
    assert spec.sample_shape() == shape


@pytest.mark.parametrize("open_axis", ["height", "width"])
def test_an_open_size_is_asked_for(open_axis):
    sizes = {"height": 8, "width": 8, open_axis: None}
    spec = InputSpec(3, **sizes)
    with pytest.raises(ModelError, match="--size"):
        spec.sample_shape()
    assert spec.override(size=5).sample_shape() == (3, 5, 5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mean": (0.1, 0.2)},
        {"std": (0.1, 0.2)},
        {"std": (0.0,)},
        {"std": (-1.0,)},
        {"std": (float("nan"),)},
        {"std": (float("inf"),)},
        {"mean": (float("nan"),)},
        {"channels": 0},
        {"height": 0},
        {"width": -3},
        {"resize": 0},
        {"timesteps": 0},
        {"layout": "CHW"},
        {"layout": "NC"},
        {"layout": "NC", "height": None, "width": None, "resize": 8},
    ],
)
def test_values_that_cannot_be(wrong):
    with pytest.raises(InvalidValueError):
        InputSpec(**({"channels": 3, "height": 8, "width": 8} | wrong))


def test_a_flat_input_has_no_size():
    spec = InputSpec(7, None, None, layout="NC")
    with pytest.raises(InvalidValueError, match="flat input of 7"):
        spec.override(size=8)
    assert spec.override(mean=(0.5,)).mean == (0.5,)


def test_overrides_replace_only_what_is_given():
    assert FULL.override() == FULL
    changed = FULL.override(mean=(0.9,), resize=20)
    assert (changed.mean, changed.std, changed.resize, changed.height) == ((0.9,), (0.5,), 20, 8)


@pytest.mark.parametrize(
    "spec",
    [
        FULL,
        InputSpec(7, None, None, layout="NC"),
        InputSpec(1, 2, 3, layout="NHWC"),
        InputSpec(2, 34, 34, timesteps=4),
    ],
)
def test_it_survives_json(spec):
    assert InputSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@pytest.mark.parametrize(
    "damaged",
    [
        {"channels": "3"},
        {"channels": None},
        {"height": 8.5},
        {"timesteps": 2.5},
        {"mean": ["a"]},
        {"mean": 3},
        {"std": [0]},
        {"unknown": 1},
        {"layout": "HWC"},
        {"layout": []},
    ],
)
def test_damaged_values_are_refused(damaged):
    with pytest.raises((ValueError, TypeError)):
        InputSpec.from_dict(InputSpec(3, 8, 8).to_dict() | damaged)


def test_a_copy_shares_nothing():
    model = quantize(plain("chain"), 8)
    model.provenance["history"] = [{"a": 1}]
    x = images(model)
    before = model(x)
    other = model.copy()
    for parameter in other.graph.parameters():
        parameter.data.zero_()
    other.provenance["history"][0]["a"] = 2
    assert torch.equal(model(x), before)
    assert model.provenance == {"history": [{"a": 1}]}


def test_logits_are_the_first_output():
    model = plain("two_outputs")
    x = images(model)
    assert torch.equal(model.logits(x), model(x)[0])
    quantized = quantize(plain("chain"), 8)
    snn = spike(quantized, 4, 2)
    assert torch.equal(snn.logits(x), snn(x)[0])
    assert snn.logits(x).shape == quantized.logits(x).shape == (4, 5)


def test_a_copy_has_no_report():
    model = quantize(plain("chain"), 8)
    model.report = "numbers of a conversion"
    assert model.copy().report is None
    assert model.report == "numbers of a conversion"
