"""The fast form of a network computes what the network computes."""

from __future__ import annotations

import pytest
import torch
from graph_cases import CASES, images, plain, prepared, quantize

from snnconv.errors import ModelError
from snnconv.graph.access import calls, module_of
from snnconv.graph.precision import to_double
from snnconv.neurons import QCFS, Coupling, LearnableMultiThreshold, MultiThreshold, Repeat
from snnconv.neurons.site import Site
from snnconv.runtime.inference import for_inference
from snnconv.runtime.substitutes import InPlaceSite, InPlaceSum, TimeInvariantSite
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


def sites_of(model):
    """The modules that the graph calls for its sites, in the order of execution."""
    modules = [module_of(model.graph, node) for node in calls(model.graph)]
    return [module for module in modules if isinstance(module, (Site, InPlaceSite, TimeInvariantSite))]


def test_sites_write_over_what_convolutions_made_and_take_one_current_for_all_steps():
    fast = for_inference(made("chain", "mean"), integers=False)
    sites = sites_of(fast)
    assert len(sites) >= 2
    assert isinstance(sites[0], TimeInvariantSite)
    assert all(isinstance(site, InPlaceSite) for site in sites[1:])
    assert not any(isinstance(module_of(fast.graph, node), Repeat) for node in calls(fast.graph))


def test_a_site_leaves_what_others_read():
    fast = for_inference(made("residual_of_spikes", "quantized"))
    assert any(isinstance(site, InPlaceSite) for site in sites_of(fast))
    first = sites_of(for_inference(made("relu_on_the_input", "quantized")))[0]
    assert isinstance(first, QCFS)


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
        torch.testing.assert_close(TimeInvariantSite(neurons)(current), wanted)


@pytest.mark.parametrize("signed", [False, True])
def test_a_site_and_a_sum_in_place_write_over_what_they_read_unless_a_gradient_is_needed(signed):
    torch.manual_seed(0)
    sites = [QCFS(torch.rand(4) + 0.5, 6, signed=signed), MultiThreshold(torch.rand(4) + 0.5, T, L, signed=signed)]
    for site in sites:
        x = torch.randn(T * 2, 4, 3, 3)
        wanted, given = site(x).detach(), x.clone()
        assert InPlaceSite(site)(given).equal(wanted)
        assert given.equal(x)
        with torch.no_grad():
            assert InPlaceSite(site)(given).data_ptr() == given.data_ptr()
        assert given.equal(wanted)
    for operand in (0, 1):
        pair = [torch.randn(2, 3), torch.randn(2, 3)]
        with torch.no_grad():
            wanted = pair[0] + pair[1]
            assert InPlaceSum(operand)(*pair).data_ptr() == pair[operand].data_ptr()
        assert pair[operand].equal(wanted)
        assert not pair[1 - operand].equal(wanted)


def test_the_plain_modules_know_nothing_of_inference():
    model = made("chain", "mean")
    modules = {id(module) for module in model.graph.modules()}
    fast = for_inference(model, integers=False)
    assert not modules & {id(module) for module in fast.graph.modules()}
    plain_attributes = {name for module in model.graph.modules() for name in vars(module)}
    assert not plain_attributes & {"overwrites", "still", "operand"}
