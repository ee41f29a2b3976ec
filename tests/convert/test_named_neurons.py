"""Conversion to neurons other than M-HT: they keep ceilings, levels and weights, and fire as they do."""

from __future__ import annotations

import pytest
import torch
from graph_cases import images, plain

from snnconv.convert import convert
from snnconv.errors import InvalidValueError
from snnconv.neurons import Coupling, SpikingSite
from snnconv.spiking.sites import iter_sites


def neurons(snn):
    return [site for _, site in iter_sites(snn.graph) if isinstance(site, SpikingSite)]


def test_neurons_by_name():
    ann = plain("chain")
    x = images(ann, 20)
    snn = convert(ann, timesteps=4, levels=2, coupling="causal", neuron="if", calibration_data=x)
    usual = convert(ann, timesteps=4, levels=2, coupling="causal", calibration_data=x, calibration="mse")
    assert {type(site) for site in neurons(snn)}.isdisjoint(map(type, neurons(usual)))
    assert [site.levels for site in neurons(snn)] == [2, 2]
    assert snn.coupling is Coupling.CAUSAL
    assert snn(x)[0].shape == usual(x)[0].shape
    assert torch.isfinite(snn(x)[0]).all()
    assert snn.report.verification.images == 20


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"neuron": "mhtt", "coupling": "causal"}, "mht"),
        ({"neuron": "if"}, "--coupling causal"),
        ({"neuron": "lmht", "coupling": "causal"}, "whose coupling is learned"),
    ],
)
def test_neurons_that_cannot_be(choices, said):
    ann = plain("chain")
    with pytest.raises(InvalidValueError, match=said):
        convert(ann, timesteps=2, levels=2, calibration_data=images(ann, 20), calibration="max", **choices)
