"""Fine-tuning of networks whose neurons tell changes of a value: both codes, from conversion to file."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from comparing import first_batch, same

from snnconv.errors import InvalidValueError, ModelError
from snnconv.finetune import FinetuneSettings, finetune
from snnconv.finetune.continuation import continued
from snnconv.finetune.trainer import SMALLEST_CEILING
from snnconv.formats.onnx import save
from snnconv.loading import load
from snnconv.neurons import BipolarMultiThreshold, Coupling, SigmaDelta
from snnconv.spiking.sites import iter_sites
from snnconv.spiking.unrolling import unroll

SETTINGS = FinetuneSettings(epochs=1, batch_size=50, lr=2e-3, optimizer="adamw", weight_decay=0.0, augment=False)
CHOICES = ("octaves", "dead_zone", "levels", "total_levels", "signed", "timesteps", "code")


def sites_of(model):
    return [site for _, site in iter_sites(model.graph)]


def choices_of(model):
    """What training leaves as it is."""
    return [
        ({name: getattr(site, name, None) for name in CHOICES}, {name: x.tolist() for name, x in site.named_buffers()})
        for site in sites_of(model)
    ]


def loss_of(model, images):
    """Cross-entropy of images that it was not trained on."""
    x, y = first_batch(images, len(images))
    return float(F.cross_entropy(model.logits(x), y))


def network(trained, make):
    """The trained small network with such neurons, whose thresholds come of its quantized activations' ceilings."""
    return unroll(trained.model, lambda _, site: make(site.ceiling.detach().clone()))


MAKE = {
    "power-of-two": lambda ceiling: SigmaDelta(0.7 * ceiling, 1, 3),
    "two steps": lambda ceiling: SigmaDelta(0.4 * ceiling, 2, 3),
    "every choice": lambda ceiling: SigmaDelta(
        0.3 * ceiling, 2, 2, dead_zone=0.625, cap=1.5 * ceiling, initial=torch.tensor(0.5)
    ),
    "uniform": lambda ceiling: BipolarMultiThreshold(0.8 * ceiling, 2, 1),
    "slack": lambda ceiling: BipolarMultiThreshold(0.8 * ceiling, 3, 1, total_levels=2),
}


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("train_ceilings", [False, True])
def test_training_lowers_the_loss_and_files_keep_what_is_not_trained(
    kind, train_ceilings, trained, digits, held_out_digits, tmp_path
):
    snn = network(trained, MAKE[kind])
    tuned = finetune(snn, digits, replace(SETTINGS, train_ceilings=train_ceilings, ema=0.9), device="cpu")
    assert loss_of(tuned, held_out_digits) < 0.8 * loss_of(snn, held_out_digits)
    assert tuned.coupling is Coupling.DIFFERENTIAL
    assert choices_of(tuned) == choices_of(snn)
    moved = [not torch.equal(a.ceiling, b.ceiling) for a, b in zip(sites_of(tuned), sites_of(snn), strict=True)]
    assert moved == [train_ceilings] * 3
    again = load(save(tuned, tmp_path / "tuned.onnx"))
    assert choices_of(again) == choices_of(tuned)
    x, _ = first_batch(held_out_digits, 64)
    torch.testing.assert_close(again.logits(x), tuned.logits(x))


def test_thresholds_stay_above_0(trained, few_digits):
    snn = network(trained, lambda ceiling: SigmaDelta(2 * SMALLEST_CEILING * torch.ones_like(ceiling), 1, 8))
    settings = replace(SETTINGS, lr=0.01, train_ceilings=True)
    tuned = finetune(snn, few_digits, settings, device="cpu")
    assert all(bool((site.ceiling >= SMALLEST_CEILING).all()) for site in sites_of(tuned))


@pytest.mark.parametrize("kind", ["power-of-two", "uniform"])
@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (
            {"rmp_loss": 0.1},
            "RMP-Loss .*does not work with these neurons: it (tracks a value|decides on a sum of levels)",
        ),
        ({"mpr": True}, "it (tracks a value|decides on a sum of levels).*Leave --mpr out"),
        ({"neuron": "lmht"}, r"neurons are (SigmaDelta|BipolarMultiThreshold) \(differential coupling\).*LM-HT's"),
        ({"neuron": "mht"}, r"\(differential coupling\) and cannot become mht"),
    ],
)
def test_what_such_neurons_have_not_is_refused_by_name(kind, choices, message, trained, few_digits):
    snn = network(trained, MAKE[kind])
    with pytest.raises((ModelError, InvalidValueError), match=message):
        finetune(snn, few_digits, replace(SETTINGS, **choices), device="cpu")


def test_messages_have_octaves_instead_of_levels(trained, few_digits):
    with pytest.raises(ModelError, match=r"\(SigmaDelta\).*octaves, not levels. Leave --levels out"):
        continued(network(trained, MAKE["power-of-two"]), few_digits, replace(SETTINGS, levels=2))


def test_one_step_of_the_uniform_code_is_refused(trained, few_digits):
    with pytest.raises(InvalidValueError, match=r"timesteps is 1, .* code is uniform.*--timesteps 2"):
        continued(network(trained, MAKE["uniform"]), few_digits, replace(SETTINGS, timesteps=1))


def test_power_of_two_messages_at_another_t(trained, few_digits):
    snn = network(trained, MAKE["every choice"])
    longer = continued(snn, few_digits, replace(SETTINGS, timesteps=3))
    assert [site.timesteps for site in sites_of(longer)] == [3] * 3
    assert same(longer, snn)
    shorter = continued(longer, few_digits, replace(SETTINGS, timesteps=2))
    assert choices_of(shorter) == choices_of(snn)
    x, _ = first_batch(few_digits, 32)
    assert torch.equal(shorter.logits(x), snn.logits(x))


def test_levels_at_another_t_and_l_are_calibrated_anew(trained, few_digits):
    snn = network(trained, MAKE["slack"])
    other = continued(snn, few_digits, replace(SETTINGS, timesteps=2, levels=3))
    assert [(site.timesteps, site.levels, site.total_levels) for site in sites_of(other)] == [(2, 3, 6)] * 3
    assert other.coupling is Coupling.DIFFERENTIAL
    assert not same(other, snn)
