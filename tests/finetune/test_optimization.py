"""Optimizers, schedules, the moving average, and what must not change the steps that are taken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from comparing import accuracy, state
from reference import schedules as reference
from torch import nn

from snnconv.errors import InvalidValueError
from snnconv.finetune import LoopSettings, TrainSettings, train
from snnconv.finetune.optimization import build_optimizer, build_schedule
from snnconv.loading import load_module
from snnconv.neurons import NeuronSettings

FAMILIES = ["sgd", "nesterov", "adam", "adamw", "lamb", "lion", "rmsprop"]
PLAIN = TrainSettings(
    epochs=1,
    batch_size=40,
    lr=0.1,
    momentum=0.0,
    weight_decay=0.0,
    scheduler="none",
    initial_ceiling=4.0,
    augment=False,
)
SPIKING = replace(PLAIN, neuron=NeuronSettings("lmht", 2), lr=0.05)


def _rates(settings: LoopSettings, steps: int) -> list[float]:
    """Learning rate of every step of a training with so many steps an epoch."""
    optimizer = build_optimizer(nn.Linear(2, 2), settings)
    schedule, rates = build_schedule(optimizer, settings, steps), []
    for done in range(1, settings.epochs * steps + 1):
        rates.append(optimizer.param_groups[0]["lr"])
        if schedule is not None:
            schedule.step_update(done)
    return rates


@pytest.mark.parametrize("warmup", [0, 2])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_cosine(optimizer, warmup):
    settings = LoopSettings(epochs=6, lr=0.3, warmup_epochs=warmup, optimizer=optimizer)
    expected = [reference.cosine(step, 0.3, 30, 5 * warmup) for step in range(30)]
    np.testing.assert_allclose(_rates(settings, 5), expected, rtol=1e-9)


@pytest.mark.parametrize("warmup", [0, 2])
def test_a_line_and_a_triangle(warmup):
    settings = LoopSettings(epochs=6, lr=0.3, scheduler="linear", warmup_epochs=warmup)
    expected = [reference.line(step, 0.3, 30, 5 * warmup) for step in range(30)]
    np.testing.assert_allclose(_rates(settings, 5), expected, rtol=1e-9)


@pytest.mark.parametrize("warmup", [0, 1])
def test_stairs(warmup):
    settings = LoopSettings(epochs=6, lr=0.3, scheduler="step", step_epochs=2, step_rate=0.25, warmup_epochs=warmup)
    expected = [reference.stairs(step, 0.3, 2 * 5, 0.25, 5 * warmup) for step in range(30)]
    np.testing.assert_allclose(_rates(settings, 5), expected, rtol=1e-9)


def test_a_constant_rate():
    assert _rates(LoopSettings(epochs=3, lr=0.3, scheduler="none"), 4) == [0.3] * 12


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_trains(name, plain_ann, few_digits):
    log = []
    settings = replace(PLAIN, epochs=3, optimizer=name, lr=0.03 if name in ("sgd", "nesterov") else 2e-3, momentum=0.9)
    trained = train(plain_ann, few_digits, settings, on_epoch=log.append, device="cpu")
    assert log[-1].loss < log[0].loss
    assert trained.provenance["finetune"]["settings"]["optimizer"] == name


def test_sgd_is_not_nesterovs():
    groups = {name: build_optimizer(nn.Linear(2, 2), LoopSettings(optimizer=name)).param_groups[0] for name in FAMILIES}
    assert (groups["sgd"]["nesterov"], groups["nesterov"]["nesterov"]) == (False, True)
    assert groups["sgd"]["momentum"] == groups["nesterov"]["momentum"] == 0.9


def test_weight_decay_takes_every_parameter_that_is_trained():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))
    module[2].weight.requires_grad_(False)
    groups = build_optimizer(module, LoopSettings(weight_decay=0.125)).param_groups
    assert [group["weight_decay"] for group in groups] == [0.125]
    assert sum(len(group["params"]) for group in groups) == 5


def test_biases_of_batch_norms_have_a_rate_of_their_own():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2), nn.BatchNorm1d(2, affine=False))
    settings = LoopSettings(lr=0.5, bias_lr=8.0, weight_decay=0.125, epochs=2, scheduler="linear")
    optimizer = build_optimizer(module, settings)
    others, biases = optimizer.param_groups
    assert [id(parameter) for parameter in biases["params"]] == [id(module[1].bias)]
    assert len(others["params"]) == 5
    assert [others["lr"], biases["lr"]] == [0.5, 4.0]
    assert others["lr"] * others["weight_decay"] == biases["lr"] * biases["weight_decay"]
    build_schedule(optimizer, settings, 10).step_update(15)
    assert [others["lr"], biases["lr"]] == pytest.approx([0.125, 1.0])


def test_without_batch_norm_there_is_one_rate():
    (group,) = build_optimizer(nn.Linear(2, 2), LoopSettings(lr=0.5, bias_lr=8.0)).param_groups
    assert group["lr"] == 0.5


@pytest.mark.parametrize(("name", "near"), [("sdg", "sgd"), ("adamww", "adamw"), ("lamp", "lamb"), ("", "sgd")])
def test_an_unknown_optimizer_names_near_ones(name, near):
    with pytest.raises(InvalidValueError, match=rf"optimizer is '{name}'.*near it:.*{near}"):
        LoopSettings(optimizer=name)


@pytest.mark.parametrize(("name", "said"), [("fusedadam", "cannot be had here"), ("adahessian", "second derivatives")])
def test_an_optimizer_that_cannot_be_used_is_refused(name, said, plain_ann, few_digits):
    with pytest.raises(InvalidValueError, match=rf"optimizer is '{name}'.*{said}"):
        train(plain_ann, few_digits, replace(PLAIN, optimizer=name), device="cpu")


def _one_step(model, images, **changed):
    """What one step of plain gradient descent takes from every parameter: the learning rate times the gradient."""
    settings = replace(PLAIN, **{"batch_size": len(images), **changed})
    before = state(model)
    after = state(train(model, images, settings, device="cpu"))
    trained = before.keys() & after.keys()
    return {name: (before[name] - after[name]) / settings.lr for name in trained}


def _norm(step):
    return float(torch.stack([value.double().square().sum() for value in step.values()]).sum().sqrt())


@pytest.fixture(scope="module")
def quantized(plain_ann, few_digits):
    """Without batch-norm; its gradient is not 0."""
    return train(plain_ann, few_digits, PLAIN, device="cpu")


def test_gradients_are_scaled_down_to_the_norm_that_is_allowed(quantized, few_digits):
    free = _one_step(quantized, few_digits)
    norm = _norm(free)
    assert norm > 0.1
    clipped = _one_step(quantized, few_digits, clip=norm / 4)
    assert _norm(clipped) == pytest.approx(norm / 4, rel=1e-4)
    for name, value in free.items():
        torch.testing.assert_close(clipped[name], value / 4, rtol=1e-3, atol=1e-5)  # a ceiling of 4 is rounded to 5e-7
    untouched = _one_step(quantized, few_digits, clip=norm * 4)
    assert all(torch.equal(untouched[name], free[name]) for name in free)


@pytest.mark.parametrize(("images", "accumulate"), [(40, 2), (40, 4), (10, 4)])  # 10 in parts of 3, 3, 3, 1
def test_parts_of_a_batch_add_up_to_its_gradient(quantized, few_digits, images, accumulate):
    few = few_digits.subset(range(images))
    whole = _one_step(quantized, few, batch_size=40)
    parts = _one_step(quantized, few, batch_size=40, accumulate=accumulate)
    largest = max(float(value.abs().max()) for value in whole.values())
    assert largest > 0.01
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, rtol=1e-4, atol=1e-5 * largest)


@pytest.mark.parametrize("neuron", [None, SPIKING.neuron], ids=["quantized", "spiking"])
def test_channels_last_is_the_same_step(small_cnn, few_digits, neuron):
    few = few_digits.subset(range(40))
    last, first = (_one_step(small_cnn, few, neuron=neuron, channels_last=choice) for choice in (True, False))
    for name, value in first.items():
        if name.endswith("weight"):
            error = _norm({name: last[name] - value})
            assert error < 0.02 * _norm({name: value})  # one value that is rounded to another level makes 1e-3


@pytest.mark.parametrize("settings", [PLAIN, SPIKING], ids=["quantized", "spiking"])
def test_bfloat16_is_nearly_the_same_training(small_cnn, few_digits, settings):
    logs = {True: [], False: []}
    for choice, log in logs.items():
        train(small_cnn, few_digits, replace(settings, bf16=choice), on_epoch=log.append, device="cpu")
    assert logs[True][0].loss != logs[False][0].loss
    assert logs[True][0].loss == pytest.approx(logs[False][0].loss, rel=0.03)


def test_the_moving_average_is_the_result(small_cnn, few_digits):
    settings = replace(PLAIN, batch_size=len(few_digits))  # one step an epoch
    first = state(train(small_cnn, few_digits, settings, device="cpu"))
    second = state(train(small_cnn, few_digits, replace(settings, epochs=2), device="cpu"))
    for decay in (0.2, 0.999):
        averaged = train(small_cnn, few_digits, replace(settings, epochs=2, ema=decay), device="cpu")
        share = min(decay, 1 - 2 ** (-2 / 3))  # timm's warm-up: nothing of the start, less than `ema` at first
        for name, found in state(averaged).items():
            if found.is_floating_point():
                torch.testing.assert_close(found, share * first[name] + (1 - share) * second[name])
            else:
                assert torch.equal(found, second[name])
        assert not torch.equal(averaged.graph.state_dict()["head.weight"], second["head.weight"])


def test_the_moving_average_is_what_is_evaluated(small_cnn, few_digits, held_out_digits):
    logs = {0.0: [], 0.95: []}
    models = {
        ema: train(
            small_cnn,
            few_digits,
            replace(PLAIN, epochs=4, ema=ema),
            eval_data=held_out_digits,
            on_epoch=log.append,
            device="cpu",
        )
        for ema, log in logs.items()
    }
    assert [m.loss for m in logs[0.0]] == [m.loss for m in logs[0.95]]  # the training itself is the same
    found = {ema: accuracy(model, held_out_digits) for ema, model in models.items()}
    assert found == {ema: log[-1].eval_accuracy for ema, log in logs.items()}
    assert found[0.0] != found[0.95]


def test_a_warm_up_starts_low_and_trains(small_cnn, few_digits):
    log = []
    settings = replace(PLAIN, epochs=4, scheduler="cosine", warmup_epochs=2)
    train(small_cnn, few_digits, settings, on_epoch=log.append, device="cpu")
    expected = [reference.cosine(epoch * 5 - 1, settings.lr, 20, 10) for epoch in range(1, 5)]
    np.testing.assert_allclose([metrics.lr for metrics in log], expected, rtol=1e-9)


def test_what_only_other_outputs_depend_on_is_not_trained(few_digits):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.aside = nn.Conv2d(1, 4, 3), nn.Conv2d(1, 4, 3)
            self.head, self.other = nn.Linear(144, 10), nn.Linear(144, 10)

        def forward(self, x):
            kept = torch.relu(self.first(x)).flatten(1)
            return self.head(kept), self.other(torch.relu(self.aside(x)).flatten(1))

    model = load_module(Two(), (1, 8, 8))
    before = state(model)
    settings = replace(PLAIN, optimizer="adamw", lr=0.01, weight_decay=0.5)
    after = state(train(model, few_digits, settings, device="cpu"))
    names = before.keys() & after.keys()
    untouched = {name for name in names if torch.equal(before[name], after[name])}
    assert untouched == {name for name in names if name.startswith(("aside", "other"))}
    assert len(untouched) == 4
