"""A compiled network trains as it does otherwise: torch's compiler traces the neurons whole, to the same gradients."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch

from snnconv.errors import InvalidValueError
from snnconv.finetune import TrainSettings, spiking_network, train
from snnconv.finetune.compilation import compiled
from snnconv.neurons import NeuronSettings, build_neuron

T, TOLERANCE = 3, 1e-5
NEURONS = {
    "lmht": NeuronSettings("lmht", T, levels=2),
    "mht": NeuronSettings("mht", T, levels=2),
    "mht, MPR": NeuronSettings("mht", T, levels=2, mpr=True),
    "lif": NeuronSettings("lif", T),
    "if, hard": NeuronSettings("if", T, reset="hard"),
}


@pytest.mark.parametrize("settings", NEURONS.values(), ids=NEURONS)
def test_a_traced_layer_computes_what_the_layer_computes(settings):
    torch.manual_seed(0)
    site = build_neuron(settings, torch.tensor(1.5)).train()
    parameters = [parameter for parameter in site.parameters() if parameter.requires_grad]
    x = (torch.randn(T * 2, 3, 4, 4) * 1.5).requires_grad_()
    upstream = torch.randn(x.shape)
    traced = torch.compile(site, backend="aot_eager", fullgraph=True, dynamic=False)
    found = []
    for layer in (site, traced):
        out = layer(x)
        found.append([out, *torch.autograd.grad(out, [x, *parameters], upstream)])
    assert float(found[0][0].detach().abs().sum()) > 0
    for plain, other in zip(*found, strict=True):
        torch.testing.assert_close(other, plain, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.filterwarnings("ignore::UserWarning:torch.*")
def test_training_gives_the_same_network(small_cnn, few_digits, monkeypatch):
    settings = TrainSettings(epochs=1, batch_size=16, lr=0.01, augment=False, neuron=NEURONS["lmht"])
    plain = train(small_cnn, few_digits, settings, device="cpu")
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    monkeypatch.setattr("shutil.which", lambda name: name)
    other = train(small_cnn, few_digits, replace(settings, compile=True), device="cpu")
    states = [model.graph.state_dict() for model in (plain, other)]
    for name, values in states[0].items():
        torch.testing.assert_close(states[1][name], values, rtol=1e-4, atol=1e-4, msg=name)


def test_what_does_not_go_together_is_refused(small_cnn, monkeypatch):
    with pytest.raises(InvalidValueError, match=r"compile .*checkpoint_blocks"):
        TrainSettings(compile=True, checkpoint_blocks=True)
    graph = spiking_network(small_cnn, NEURONS["lif"]).graph
    with pytest.raises(InvalidValueError, match="2 processes"):
        compiled(graph, processes=2)
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(InvalidValueError, match="no-such-compiler"):
        compiled(graph, processes=1)
