"""Networks that take inputs of another scale are trained as those that take them in units of about 1."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from comparing import first_batch, state
from torch import nn

from snnconv.convert import convert
from snnconv.finetune import FinetuneSettings, TrainSettings, finetune, train
from snnconv.finetune.input_scale import scale_first_layers, unit_scale
from snnconv.loading import load_module

SHORT = TrainSettings(epochs=2, batch_size=50, lr=0.05, momentum=0.9, initial_ceiling=4.0)


def _larger(model, images, factor):
    """The same network for inputs that are `factor` times as large, and the images so."""
    other = model.copy()
    scale_first_layers(other.graph, 1 / factor)
    bigger = images.scaled(1 / factor)
    other.input = bigger.input
    return other, bigger


def test_images_are_scaled(few_digits):
    x, _ = first_batch(few_digits, 10)
    found, _ = first_batch(few_digits.scaled(0.125), 10)
    assert torch.equal(found, 8 * x)
    assert few_digits.scaled(0.125).input == replace(few_digits.input, std=(0.125,))


@pytest.mark.parametrize(("factor", "scale"), [(1, 1), (2, 1), (128, 64), (1024, 512), (2**-7, 2**-8)])
def test_the_scale_is_a_power_of_two_and_1_near_1(factor, scale, plain_ann, few_digits):
    model, images = _larger(plain_ann, few_digits, factor)
    assert torch.equal(model.logits(first_batch(images, 8)[0]), plain_ann.logits(first_batch(few_digits, 8)[0]))
    assert unit_scale([model], images) == scale


@pytest.mark.parametrize("teaches", [False, True])
def test_trainings_at_any_scale_are_one(teaches, plain_ann, few_digits):
    found = []
    for factor in (128, 1024):
        model, images = _larger(plain_ann, few_digits, factor)
        before = state(model)
        trained = train(model, images, SHORT, teacher=model if teaches else None, eval_data=images, device="cpu")
        assert all(torch.equal(value, before[name]) for name, value in state(model).items())
        assert trained.input.std == images.input.std
        scale_first_layers(trained.graph, factor)
        found.append((state(trained), trained.provenance["finetune"]["metrics"]))
    (one, its), (other, others) = found
    assert its == others
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_network_of_raw_pixels_survives_its_first_steps(trained, few_digits):
    model, images = _larger(convert(trained.model, timesteps=2, levels=4), few_digits, 255)
    log = []
    finetune(model, images, FinetuneSettings(epochs=1, batch_size=20), on_epoch=log.append, device="cpu")
    assert log[0].accuracy > 0.8


class _Prepared(nn.Module):
    """Brings pixels in 0..255 to units of 1 itself."""

    def __init__(self, shifts: bool) -> None:
        super().__init__()
        self.shifts = shifts
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))

    def forward(self, x):
        return self.layers(x - 100.0 if self.shifts else x / 255)


@pytest.mark.parametrize("shifts", [False, True])
def test_networks_that_scale_or_shift_their_inputs_are_left_alone(shifts, few_digits):
    model = load_module(_Prepared(shifts), (1, 8, 8))
    assert unit_scale([model], few_digits.scaled(1 / 255)) == 1
