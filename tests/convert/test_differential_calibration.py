"""Sigma-delta and bipolar neurons calibrated on the spiking network: errors fall, the source stays as it is."""

from __future__ import annotations

import pytest
import torch
from graph_cases import CASES, images, prepared

from snnconv.convert import calibrate
from snnconv.convert.calibration.differential import calibrate_sigma_delta
from snnconv.convert.calibration.power_choice import Powers, PowersSearch
from snnconv.convert.calibration.taking_back import calibrate_taking_back
from snnconv.convert.calibration.telling_record import TellingRecord
from snnconv.errors import SnnconvWarning
from snnconv.neurons import Coupling, SigmaDelta
from snnconv.spiking.sites import iter_sites
from snnconv.spiking.unrolling import spike

NETWORK = "residual_of_spikes"


def record(seed=0, steps=4, channels=3, units=200):
    generator = torch.Generator().manual_seed(seed)
    activations = torch.randn(channels, units, generator=generator).clamp(min=0)
    activations *= torch.tensor([1.0, 0.1, 3.0]).unsqueeze(1)
    noise = torch.randn(steps, channels, units, generator=generator)
    return TellingRecord(activations + noise * torch.tensor([0.5, 0.2, 0.1, 0.0]).view(-1, 1, 1), activations)


def search(**choices):
    return PowersSearch([record(0), record(1)], None, **({"signed": False, "dead_zone": 0.75} | choices))


def test_the_choice_is_no_worse_than_one_threshold_for_all():
    trial = search()
    chosen = trial.best(8)
    naive = Powers(trial.size.expand(3), torch.zeros(3), 8)
    both = TellingRecord.joined(trial.halves)

    def cost(powers):
        return float(trial.errors(trial.told(powers, both), both).sum())

    assert cost(chosen) < cost(naive)


def test_one_threshold_where_channels_are_taken_together():
    chosen = search(together=True).best(None)
    assert len(chosen.theta.unique()) == len(chosen.initial.unique()) == 1


@pytest.mark.parametrize("octaves", [1, 2, 3, 4, 9])
def test_initial_values_lie_on_the_grid_of_messages(octaves):
    chosen = search().best(octaves)
    assert chosen.octaves == octaves
    assert bool((chosen.initial * 2 ** (octaves - 1) % 1 == 0).all())


def test_a_channel_that_nothing_moved_has_a_threshold_of_the_layers_size():
    still = record()
    still.activations[1] = 0
    still.values[:, 1] = 0
    trial = PowersSearch([still, still], None, signed=False, dead_zone=0.75)
    chosen = trial.best(8)
    assert float(chosen.theta[1]) == float(trial.size)
    assert float(chosen.initial[1]) == 0


def test_more_steps_leave_less_error():
    ann = prepared(NETWORK)
    x = images(ann, 32)
    errors = []
    for timesteps in (1, 3, 6):
        calibration = calibrate_sigma_delta(ann, [x], timesteps)
        with torch.no_grad():
            errors.append(float((calibration.snn.graph(x)[0] - ann.graph(x)).square().mean()))
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("name", CASES)
def test_every_network_is_calibrated_at_every_site(name):
    ann = prepared(name)
    x = images(ann, 6)
    calibration = calibrate_sigma_delta(ann, [x], 2)
    assert len(calibration.sites) == len(list(iter_sites(ann.graph)))
    with torch.no_grad():
        outputs = calibration.snn.graph(x)
    assert all(bool(torch.isfinite(out).all()) for out in outputs)


def test_the_ann_stays_as_it_is():
    ann = prepared(NETWORK)
    before = {name: value.clone() for name, value in ann.graph.state_dict().items()}
    calibrate_sigma_delta(ann, [images(ann, 8)], 2)
    for name, value in ann.graph.state_dict().items():
        assert torch.equal(value, before[name])


def test_the_octaves_asked_for_are_those_of_every_site():
    ann = prepared(NETWORK)
    calibration = calibrate_sigma_delta(ann, [images(ann, 8)], 2, 3)
    sites = [site for _, site in iter_sites(calibration.snn.graph)]
    assert {site.octaves for site in sites if isinstance(site, SigmaDelta)} == {3}
    assert calibration.octaves == 3


def test_messages_that_are_all_too_large_are_warned_of(monkeypatch):
    large = Powers(torch.tensor([1e6]), torch.zeros(1), 1)

    def too_large(self, octaves):
        return Powers(large.theta.expand(self.channels), large.initial.expand(self.channels), 1)

    monkeypatch.setattr(PowersSearch, "best", too_large)
    ann = prepared(NETWORK)
    with pytest.warns(SnnconvWarning, match=r"K=1 tells from 7\.5e\+05 on, the largest is"):
        calibrate_sigma_delta(ann, [images(ann, 8)], 2, 1)


def test_bipolar_neurons_and_their_quantized_network_get_the_same_biases_and_no_more_error():
    ann = prepared(NETWORK)
    x = images(ann, 32)
    quantized = calibrate(ann, [x], 8)
    snn = spike(quantized, 8, 1, Coupling.DIFFERENTIAL)
    calibration = calibrate_taking_back(ann, quantized, snn, [x])
    biases = dict(calibration.quantized.graph.named_parameters())
    moved = 0
    for name, value in calibration.snn.graph.named_parameters():
        assert torch.equal(value, biases[name])
        moved += not torch.equal(value, dict(quantized.graph.named_parameters())[name])
    assert moved
    for site in calibration.sites:
        assert site.after <= site.before
