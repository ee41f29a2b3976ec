"""Images that calibrate badly are warned of with numbers; where there are none, they are made."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest
import torch
from graph_cases import images, plain, prepared

from snnconv.convert import convert
from snnconv.convert.calibration.expectation import expected_agreement
from snnconv.convert.calibration.image_checks import check_images
from snnconv.convert.calibration.images import make_images
from snnconv.convert.calibration.synthesis import holds_statistics, synthesise
from snnconv.convert.calibration.synthetic import synthetic_images
from snnconv.errors import SnnconvWarning
from snnconv.loading import load_module


def checked(model, x):
    check_images(model, torch.split(x, 16))


def sure(model):
    """The same network, sure of whatever it answers."""
    copy = model.copy()
    last = copy.graph.get_submodule("out")
    with torch.no_grad():
        for parameter in last.parameters():
            parameter.mul_(100)
    return copy


def test_good_images_are_not_warned_of():
    ann = prepared("chain")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checked(ann, images(ann, 64))


def test_few_constant_and_equal_images():
    ann = prepared("chain")
    with pytest.warns(SnnconvWarning, match="there are 3 images only"):
        checked(ann, images(ann, 3))
    with pytest.warns(SnnconvWarning, match=r"all images are the same.*every pixel is 0\.5"):
        checked(ann, torch.full((20, *ann.input.sample_shape()), 0.5))
    with pytest.warns(SnnconvWarning, match="all images are the same"):
        checked(ann, images(ann, 1).expand(20, -1, -1, -1))


def test_pixels_that_were_not_normalised():
    ann = prepared("chain").copy()
    ann.input = replace(ann.input, mean=(0.5,), std=(0.25,))
    with pytest.warns(SnnconvWarning, match=r"mean 5\d\d.*--mean and --std"):
        checked(ann, 255 * torch.rand(32, *ann.input.sample_shape()) / 0.25)
    unknown = prepared("chain")  # whose file says nothing of its pixels
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checked(unknown, 255 * torch.rand(32, *ann.input.sample_shape()))


def test_one_answer_that_the_network_is_sure_of():
    ann = sure(prepared("chain"))
    x = images(ann, 400)
    answers = ann(x).argmax(1)
    common = answers.mode().values
    one_class = x[answers == common][:40]
    with pytest.warns(SnnconvWarning, match=rf"answers {int(common)} for 100 % of them, with \d+ % confidence"):
        checked(ann, one_class)


@pytest.fixture(scope="module")
def with_batch_norm():
    torch.manual_seed(0)
    nn = torch.nn
    layers = [
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(),
    ]
    module = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    model = load_module(module, (3, 16, 16))
    model.input = replace(model.input, mean=(0.5,), std=(0.25,))
    return model


def statistics_error(model, x):
    """Mean squared distance of what batch-norms receive from what they hold, in deviations."""
    errors = []
    handles = [
        module.register_forward_pre_hook(
            lambda norm, given: errors.append(
                float(((given[0].mean((0, 2, 3)) - norm.running_mean) ** 2 / (norm.running_var + norm.eps)).mean())
            )
        )
        for module in model.graph.modules()
        if isinstance(module, torch.nn.BatchNorm2d)
    ]
    model(x)
    for handle in handles:
        handle.remove()
    return sum(errors) / len(errors)


@torch.no_grad()
def test_images_are_moved_to_the_statistics_and_the_network_is_not(with_batch_norm):
    model = with_batch_norm.copy()
    model.graph.train()
    seen = 0.8 + 0.3 * torch.randn(64, *model.input.sample_shape(), generator=torch.Generator().manual_seed(0))
    for _ in range(50):  # statistics of brighter images than those to start from
        model.graph(seen)
    model.graph.eval()
    before = {key: value.clone() for key, value in model.graph.state_dict().items()}
    start = synthetic_images(model.input, 32, 0)
    made = synthesise(model, start, steps=30)
    assert holds_statistics(model)
    assert statistics_error(model, made) < 0.8 * statistics_error(model, start)
    assert all(torch.equal(before[key], value) for key, value in model.graph.state_dict().items())
    assert torch.equal(made, synthesise(model, start, steps=30))
    assert float(made.min()) >= -2.0
    assert float(made.max()) <= 2.0  # pixels within 0..1


@pytest.mark.parametrize("name", ["chain", "channels_last", "flat_mlp"])
def test_where_there_are_no_statistics_images_are_moved_to_the_classes(name):
    model = plain(name)
    assert not holds_statistics(model)
    start = synthetic_images(model.input, 32, 0)
    made = synthesise(model, start, steps=10)
    assert made.shape == start.shape
    assert not torch.equal(made, start)
    assert torch.isfinite(made).all()


def test_how_many_are_made_and_what_is_said(with_batch_norm):
    made = make_images(with_batch_norm, 40, 3)
    assert (made.count, made.real) == (40, False)
    assert "40 images made from the input spec and the network's weights and batch-norm statistics" in made.description


def test_converting_without_data_reports_what_to_expect():
    with pytest.warns(SnnconvWarning, match=r"No calibration data.*--calibration-data"):
        snn = convert(plain("chain"), timesteps=2, levels=8)
    assert snn.report.method.method == "bias"
    assert snn.report.method.reason == "there is no calibration data"
    low, high = snn.report.method.expected_agreement
    assert 0 <= low <= high <= 100
    with_data = convert(plain("chain"), timesteps=2, levels=8, calibration_data=images(plain("chain"), 32))
    assert with_data.report.method.expected_agreement is None


def test_what_agrees_and_what_does_not():
    ann = prepared("chain")
    assert expected_agreement(ann, ann, 0) == (100.0, 100.0)
    other = ann.copy()
    with torch.no_grad():
        for parameter in other.graph.get_submodule("out").parameters():
            parameter.neg_()
    assert expected_agreement(ann, other, 0)[1] < 50
