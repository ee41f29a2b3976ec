"""Quantized ANN -> SNN and back on tangled graphs: under mean coupling nothing changes but the time it takes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from graph_cases import CASES, conv, images, model_of, node, plain, prepared, proto_of, quantize, run_double

from snnconv.errors import InvalidValueError, ModelError
from snnconv.graph.access import calls, module_of
from snnconv.model import Stage
from snnconv.neurons import Coupling, MultiThreshold, Repeat, TimeMean
from snnconv.spiking.unrolling import collapse, default_levels, spike

EXACT = 1e-9  # of the largest magnitude, in float64: sums over time in another order
WINDOWS = [(1, 4), (2, 1), (4, 2), (5, 4)]
ALL_WINDOWS = [(t, levels) for t in (1, 2, 4, 5) for levels in (1, 2, 4)]


def quantized_case(name, total_levels):
    return quantize(prepared(name), total_levels)


def state_of(model):
    return str(model.graph.graph), {key: value.clone() for key, value in model.graph.state_dict().items()}


def assert_unchanged(model, before):
    graph, state = before
    assert str(model.graph.graph) == graph
    assert model.graph.state_dict().keys() == state.keys()
    assert all(torch.equal(value, state[key]) for key, value in model.graph.state_dict().items())


@pytest.mark.parametrize("name", CASES)
def test_mean_coupled_spikes_have_the_quantized_mean(name):
    for timesteps, levels in ALL_WINDOWS if name in ("chain", "product_of_spikes") else WINDOWS:
        quantized = quantized_case(name, timesteps * levels)
        before = state_of(quantized)
        snn = spike(quantized, timesteps, levels)
        x = images(quantized, seed=timesteps)
        wanted, found = run_double(quantized, x), run_double(snn, x)
        assert len(found) == 2 * len(wanted) > 0
        for reference, mean, steps in zip(wanted, found, found[len(wanted) :], strict=False):
            scale = float(reference.abs().max())
            assert scale > 0.01  # something is compared
            assert mean.shape == reference.shape
            assert float((mean - reference).abs().max()) <= EXACT * scale
            assert steps.shape == (timesteps, *reference.shape)
            if name not in ("sigmoid_tail", "softmax_tail", "leaky_tail"):
                assert float((steps.mean(0) - mean).abs().max()) <= EXACT * scale
        assert_unchanged(quantized, before)


@pytest.mark.parametrize("name", CASES)
def test_collapse_gives_the_quantized_network_back(name):
    for timesteps, levels in ((4, 2), (5, 1)):
        quantized = quantized_case(name, timesteps * levels)
        snn = spike(quantized, timesteps, levels)
        before = state_of(snn)
        back = collapse(snn)
        x = images(quantized)
        for mine, reference in zip(_tuple(back(x)), _tuple(quantized(x)), strict=True):
            assert torch.equal(mine, reference)
        assert (back.stage, back.timesteps, back.levels, back.coupling) == (Stage.QUANTIZED, None, None, None)
        assert str(back.graph.graph) == str(quantized.graph.graph)
        assert_unchanged(snn, before)


def _tuple(out):
    return out if isinstance(out, tuple) else (out,)


def count_calls(snn, kind, x):
    """Batch sizes with which modules of a kind are called."""
    sizes = []
    for module in snn.graph.modules():
        if isinstance(module, kind):
            module.register_forward_hook(lambda _, given, __: sizes.append(len(given[0])))
    snn(x)
    return sizes


def test_what_does_not_depend_on_time_runs_once():
    snn = spike(quantized_case("residual_of_the_static_stem", 8), 4, 2)
    assert count_calls(snn, torch.nn.Conv2d, images(snn, 3)) == [3, 12]


def test_what_is_static_is_repeated_once_for_all_who_take_it():
    snn = spike(quantized_case("residual_of_the_static_stem", 8), 4, 2)
    assert sum(isinstance(module, Repeat) for module in snn.graph.modules()) == 1


def test_a_product_of_spikes_is_computed_once_on_the_means():
    snn = spike(quantized_case("product_of_spikes", 8), 4, 2)
    graph = snn.graph
    product = next(call for call in calls(graph) if call.target == "product")
    assert [type(module_of(graph, arg)) for arg in product.args] == [TimeMean, TimeMean]
    total = next(call for call in calls(graph) if call.target == "sum")
    assert [isinstance(module_of(graph, arg), Repeat) for arg in total.args] == [True, False]
    assert count_calls(snn, torch.nn.Conv2d, images(snn, 3)) == [3, 12, 3]


def test_the_steps_of_an_output_that_waits_for_its_window_are_all_alike():
    snn = spike(quantized_case("sigmoid_tail", 8), 4, 2)
    mean, steps = snn(images(snn))
    assert torch.equal(steps, mean.expand_as(steps))


def test_an_empty_window_is_refused():
    quantized = quantized_case("chain", 4)
    for timesteps, levels in ((0, 4), (4, 0), (-1, 4), (2.0, 2), (True, 4)):
        with pytest.raises(InvalidValueError):
            spike(quantized, timesteps, levels)


def test_only_a_quantized_network_spikes_and_only_a_spiking_one_collapses():
    ann = plain("chain")
    quantized = quantize(ann, 4)
    snn = spike(quantized, 4, 1)
    for model in (ann, snn):
        with pytest.raises(ModelError, match=model.stage.value):
            spike(model, 4, 1)
    for model in (ann, quantized):
        with pytest.raises(ModelError, match=model.stage.value):
            collapse(model)


def test_a_rectifier_that_was_left_out_is_named():
    quantized = quantize(plain("chain"), 4)
    quantized.graph.add_submodule("r1", torch.nn.ReLU())
    with pytest.raises(ModelError, match="r1"):
        spike(quantized, 4, 1)


def test_one_output_under_two_names():
    weights = {"w": np.ones((2, 3, 1, 1)), "b": np.zeros(2)}
    nodes = [
        conv("input", "c", "w", "b", pads=[0] * 4),
        node("Relu", "c", "first"),
        node("Identity", "first", "second"),
    ]
    quantized = quantize(model_of(proto_of(nodes, weights, outputs=("first", "second"))), 4)
    snn = spike(quantized, 2, 2)
    first, second, first_steps, second_steps = snn(images(snn))
    assert torch.equal(first, second)
    assert torch.equal(first_steps, second_steps)


def test_causal_neurons_keep_weights_and_ceilings():
    quantized = quantized_case("chain", 8)
    snn = spike(quantized, 4, 2, Coupling.CAUSAL)
    kept = dict(snn.graph.named_parameters())
    assert all(torch.equal(value, kept[key]) for key, value in quantized.graph.named_parameters())
    neurons = [module for module in snn.graph.modules() if isinstance(module, MultiThreshold)]
    assert {neuron.coupling for neuron in neurons} == {Coupling.CAUSAL}
    assert (snn.timesteps, snn.levels, snn.coupling) == (4, 2, Coupling.CAUSAL)


@pytest.mark.parametrize(("total", "timesteps", "levels"), [(8, 4, 2), (8, 3, 3), (1, 4, 1), (9, 4, 3), (4, 1, 4)])
def test_levels_that_keep_n(total, timesteps, levels):
    assert default_levels(total, timesteps) == levels
