"""The fast form of a network computes what the network computes."""

from __future__ import annotations

import pytest
import torch
from graph_cases import CASES, images, plain, prepared, quantize

from snnconv.errors import ModelError
from snnconv.graph.access import calls, module_of
from snnconv.graph.precision import to_double
from snnconv.neurons import Coupling, LearnableMultiThreshold, Repeat
from snnconv.runtime.inference import for_inference
from snnconv.spiking.sites import iter_sites
from snnconv.spiking.unrolling import spike

T, L = 3, 2
FORMS = ("ann", "quantized", "mean", "causal")


def made(name, form):
    if form == "ann":
        return plain(name).copy()
    quantized = quantize(prepared(name), T * L)
    return quantized if form == "quantized" else spike(quantized, T, L, Coupling(form))


def outputs(model, x):
    with torch.no_grad():
        out = model(x)
    return out if isinstance(out, tuple) else (out,)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CASES)
def test_the_same_outputs(name, form):
    try:
        model = made(name, form)
    except ModelError as error:
        pytest.skip(f"no such network: {error}")
    model.graph = to_double(model.graph).eval()
    x = images(model, 5).double()
    given = x.clone()
    fast = for_inference(model)
    wanted = outputs(model, x)
    for _ in range(2):  # nothing is kept from a batch to the next
        for one, other in zip(outputs(fast, x), wanted, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
    assert x.equal(given)
    for one, other in zip(outputs(model, x), wanted, strict=True):
        assert one.equal(other)  # the network itself is as it was


def test_sites_write_over_what_convolutions_made_and_take_one_current_for_all_steps():
    fast = for_inference(made("chain", "mean"), integers=False)
    sites = [site for _, site in iter_sites(fast.graph)]
    assert all(site.overwrites for site in sites)
    assert [site.still for site in sites] == [True] + [False] * (len(sites) - 1)
    assert not any(isinstance(module_of(fast.graph, node), Repeat) for node in calls(fast.graph))


def test_a_site_leaves_what_others_read():
    fast = for_inference(made("residual_of_spikes", "quantized"))
    flags = {str(node.target): site.overwrites for node, site in iter_sites(fast.graph)}
    model = made("relu_on_the_input", "quantized")
    assert any(flags.values())
    first = next(iter(iter_sites(for_inference(model).graph)))[1]
    assert not first.overwrites


def test_gradients_pass_through_a_network_made_for_inference():
    model = made("chain", "quantized")
    fast = for_inference(model, integers=False)
    x = images(model, 2).requires_grad_()
    fast.graph(x).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize("signed", [False, True])
def test_a_layer_given_one_current_for_all_steps(signed):
    torch.manual_seed(0)
    neurons = LearnableMultiThreshold(torch.rand(4) + 0.5, T, L, signed=signed)
    current = torch.randn(2, 4, 3, 3)
    with torch.no_grad():
        wanted = neurons(current.repeat(T, 1, 1, 1))
        neurons.still = True
        torch.testing.assert_close(neurons(current), wanted)
