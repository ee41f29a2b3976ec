"""Weights corrected in closed form: as numpy's least squares, streamed as whole, and never farther from the ANN."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch
from graph_cases import CASES, images, prepared
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.least_squares import convolution_rows, ridge
from torch import nn

from snnconv.convert import convert
from snnconv.convert.calibration import calibrate
from snnconv.convert.calibration.least_squares import PENALTIES, GramMatrices, fitting_correction
from snnconv.convert.calibration.methods.mse import mse
from snnconv.convert.calibration.patches import PATCHED, add_correction, outputs_by_row, patches
from snnconv.convert.calibration.ridge import correct_weights, gram_matrices
from snnconv.graph.access import calls, module_of

walk = importlib.import_module("snnconv.convert.calibration.ridge")


def layers():
    """Layers of all kinds, with an input each."""
    torch.manual_seed(0)
    return {
        "linear": (nn.Linear(5, 3), torch.randn(9, 5)),
        "linear of tokens": (nn.Linear(5, 3), torch.randn(4, 6, 5)),
        "no bias": (nn.Linear(5, 3, bias=False), torch.randn(9, 5)),
        "convolution": (nn.Conv2d(3, 4, 3, padding=1, stride=2), torch.randn(4, 3, 7, 6)),
        "dilated": (nn.Conv2d(2, 4, (3, 2), dilation=2), torch.randn(4, 2, 8, 8)),
        "same": (nn.Conv2d(2, 4, (5, 3), padding="same", dilation=(1, 2)), torch.randn(3, 2, 8, 7)),
        "reflected": (nn.Conv2d(2, 4, 3, padding=1, padding_mode="reflect", bias=False), torch.randn(3, 2, 5, 6)),
        "groups": (nn.Conv2d(4, 6, 3, groups=2), torch.randn(6, 4, 5, 6)),
        "depthwise": (nn.Conv2d(4, 8, (1, 3), groups=4, padding=(0, 2)), torch.randn(6, 4, 5, 5)),
        "channels last": (nn.Conv2d(4, 6, 3), torch.randn(6, 4, 5, 6).to(memory_format=torch.channels_last)),
        "signal": (nn.Conv1d(2, 4, 3, padding=1), torch.randn(5, 2, 9)),
        "volume": (nn.Conv3d(2, 4, (2, 1, 3), stride=(1, 2, 1)), torch.randn(5, 2, 4, 5, 4)),
    }


LAYERS = tuple(layers())


def weights_of(layer):
    """W with its bias as `[G, K, M]`."""
    groups = getattr(layer, "groups", 1)
    bias = torch.zeros(len(layer.weight)) if layer.bias is None else layer.bias
    whole = torch.cat([layer.weight.flatten(1), bias.unsqueeze(1)], 1)
    return whole.reshape(groups, -1, whole.shape[1]).mT


def squared_error(layer, x, y):
    return float((layer(x) - y).square().sum())


@pytest.mark.parametrize("name", LAYERS)
@torch.no_grad()
def test_a_layer_is_the_product_of_its_rows_and_weights(name):
    layer, x = layers()[name]
    product = weights_of(layer).mT @ patches(layer, x)
    torch.testing.assert_close(product, outputs_by_row(layer, layer(x)), rtol=1e-5, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([1, 2]), st.integers(0, 2), st.integers(1, 2), st.integers(0, 99))
def test_rows_are_those_of_the_convolution(stride, padding, dilation, seed):
    x = np.random.default_rng(seed).standard_normal((2, 4, 6, 5)).astype(np.float32)
    layer = nn.Conv2d(4, 6, (3, 2), stride=stride, padding=padding, dilation=dilation, groups=2)
    found = patches(layer, torch.tensor(x))
    for group in range(2):
        rows = convolution_rows(x[:, 2 * group : 2 * group + 2], (3, 2), stride, padding, dilation)
        np.testing.assert_array_equal(found[group, :-1].numpy().T, rows)
    assert bool((found[:, -1] == 1).all())


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 3),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(2, 30),
    st.sampled_from(PENALTIES),
    st.sampled_from([1e-25, 1e-3, 1.0, 1e20]),
    st.integers(0, 999),
)
def test_the_closed_form_is_numpys_least_squares(groups, columns, outputs, rows, penalty, scale, seed):
    rng = np.random.default_rng(seed)
    inputs = np.concatenate([rng.standard_normal((groups, columns, rows)), np.ones((groups, 1, rows))], 1)
    residuals = scale * rng.standard_normal((groups, outputs, rows))
    inputs, residuals = (x.astype(np.float32) for x in (inputs, residuals))
    sums = GramMatrices.of(torch.tensor(inputs).double(), torch.tensor(residuals).double())
    correction = sums.correction(penalty)
    for group in range(groups):
        a, r = inputs[group].T.astype(np.float64), residuals[group].T.astype(np.float64)
        slow = ridge(a, r, penalty)
        np.testing.assert_allclose(correction[group].numpy(), slow, rtol=1e-6, atol=1e-6 * abs(slow).max())
    left = residuals - np.einsum("gko,gkr->gor", correction.numpy(), inputs)
    whole = float((residuals.astype(np.float64) ** 2).sum())  # of which little may be left, by cancellation
    rest = float((left.astype(np.float64) ** 2).sum())
    assert sums.error(correction) == pytest.approx(rest, rel=1e-4, abs=1e-12 * whole)
    single = GramMatrices.of(torch.tensor(inputs), torch.tensor(residuals))
    for one, other in zip(vars(single).values(), vars(sums).values(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4 * float(other.abs().max()))


@pytest.mark.parametrize("name", LAYERS)
@torch.no_grad()
def test_sums_of_parts_are_those_of_the_whole(name, monkeypatch):
    layer, x = layers()[name]
    residuals = torch.randn_like(layer(x))
    whole = GramMatrices.of(patches(layer, x), outputs_by_row(layer, residuals))
    monkeypatch.setattr(walk, "PATCH_ELEMENTS", 1)
    streamed = gram_matrices(layer, x, residuals)
    for one, other in zip(vars(streamed).values(), vars(whole).values(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
@settings(max_examples=8, deadline=None)
@given(noise=st.sampled_from([0.0, 0.1, 3.0]), seed=st.integers(0, 99))
@torch.no_grad()
def test_the_error_on_the_calibration_data_never_rises(name, noise, seed):
    layer, x = layers()[name]
    torch.manual_seed(seed)
    y = layer(x) + noise * torch.randn_like(layer(x))
    before = squared_error(layer, x, y)
    halves = [gram_matrices(layer, x[place::2], (y - layer(x))[place::2]) for place in range(2)]
    correction = fitting_correction(*halves)
    if correction is not None:
        add_correction(layer, correction)
    assert squared_error(layer, x, y) <= before * (1 + 1e-6)
    assert noise > 0 or correction is None


@pytest.mark.parametrize("name", LAYERS)
@torch.no_grad()
def test_another_layer_of_the_same_kind_is_found(name):
    layer, x = layers()[name]
    x = torch.randn(200, *x.shape[1:])
    aim, _ = layers()[name]
    aim.weight += 0.3 * torch.randn_like(aim.weight)
    y = aim(x) + 0.7
    halves = [gram_matrices(layer, x[place::2], (y - layer(x))[place::2]) for place in range(2)]
    add_correction(layer, fitting_correction(*halves))
    torch.testing.assert_close(layer.weight, aim.weight, rtol=1e-3, atol=1e-3)
    assert layer.bias is not None
    torch.testing.assert_close(layer(x), y, rtol=1e-3, atol=1e-3)


def test_errors_that_halves_do_not_share_move_nothing():
    torch.manual_seed(0)
    layer, x, residuals = nn.Linear(4, 2), torch.randn(12, 4), torch.randn(12, 2)
    assert fitting_correction(gram_matrices(layer, x, residuals), gram_matrices(layer, x, -residuals)) is None
    assert fitting_correction(*[gram_matrices(layer, x, residuals)] * 2) is not None


@torch.no_grad()
def test_an_input_that_never_comes_moves_the_bias_alone():
    layer = nn.Linear(3, 2)
    x, y = torch.zeros(8, 3), torch.full((8, 2), 5.0)
    weight = layer.weight.clone()
    add_correction(layer, fitting_correction(*(gram_matrices(layer, x[p::2], (y - layer(x))[p::2]) for p in range(2))))
    torch.testing.assert_close(layer.weight, weight)
    torch.testing.assert_close(layer(x), y)


def batches_of(model, count=192, seed=0):
    return list(torch.split(images(model, count, seed), 32))


def state(model):
    return {name: value.clone() for name, value in model.graph.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def outputs(model, x):
    out = model(x)
    return torch.cat([value.flatten(1) for value in (out if isinstance(out, tuple) else (out,))], 1)


@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
def test_networks_come_no_farther_from_their_ann(name):
    ann = prepared(name)
    batches = batches_of(ann)
    quantized = calibrate(ann, batches, 4)
    before = state(quantized), state(ann)
    corrected = correct_weights(ann, quantized, batches, rule=mse)
    assert same(before[0], state(quantized))
    assert same(before[1], state(ann))
    fresh = images(ann, 256, seed=9)
    wanted, old, new = (outputs(model, fresh) for model in (ann, quantized, corrected))
    assert (new - wanted).square().mean() <= 1.1 * (old - wanted).square().mean()


@pytest.mark.parametrize("name", ["chain", "residual_of_spikes", "flat_mlp"])
@torch.no_grad()
def test_weights_bring_networks_nearer(name):
    ann = prepared(name)
    batches = batches_of(ann, 512)
    quantized = calibrate(ann, batches, 2)
    corrected = correct_weights(ann, quantized, batches, rule=mse)
    moved = [
        not torch.equal(module_of(quantized.graph, node).weight, module_of(corrected.graph, node).weight)
        for node in calls(corrected.graph)
        if isinstance(module_of(corrected.graph, node), PATCHED)
    ]
    assert any(moved)
    fresh = images(ann, 256, seed=9)
    wanted, old, new = (outputs(model, fresh) for model in (ann, quantized, corrected))
    assert (new - wanted).square().mean() < (old - wanted).square().mean()


def test_a_weight_that_modules_share_stays():
    ann = prepared("chain").copy()
    places = [node for node in calls(ann.graph) if isinstance(module_of(ann.graph, node), PATCHED)]
    second = module_of(ann.graph, places[1])
    twin = nn.Conv2d(4, 4, 3, padding=1)
    twin.weight = second.weight
    ann.graph.add_submodule("twin", twin)
    with ann.graph.graph.inserting_after(places[1]):
        new = ann.graph.graph.call_module("twin", (places[1],))
    new.meta = dict(places[1].meta)
    places[1].replace_all_uses_with(new, delete_user_cb=lambda user: user is not new)
    ann.graph.recompile()
    corrected = correct_weights(ann, calibrate(ann, batches_of(ann), 4), batches_of(ann), rule=mse)
    assert torch.equal(corrected.graph.get_submodule(str(places[1].target)).weight, second.weight)
    assert torch.equal(corrected.graph.get_submodule("twin").weight, second.weight)


def test_a_layer_whose_matrices_are_too_large_stays(monkeypatch):
    monkeypatch.setattr(walk, "GRAM_ELEMENTS", 1)
    ann = prepared("chain")
    corrected = correct_weights(ann, calibrate(ann, batches_of(ann), 4), batches_of(ann), rule=mse)
    weights = {key: value for key, value in state(ann).items() if key.endswith("weight")}
    assert weights
    assert all(torch.equal(value, state(corrected)[key]) for key, value in weights.items())


def test_batches_of_one_image_are_as_good():
    ann = prepared("residual_of_spikes")
    quantized = calibrate(ann, batches_of(ann, 64), 4)
    large, small = (
        correct_weights(ann, quantized, list(torch.split(images(ann, 64), size)), rule=mse) for size in (64, 1)
    )
    fresh = images(ann, 32, seed=9)
    with torch.no_grad():
        torch.testing.assert_close(large(fresh), small(fresh), rtol=1e-3, atol=1e-3)


def test_one_image_judges_nothing():
    ann = prepared("chain")
    batches = [images(ann, 1)]
    corrected = correct_weights(ann, calibrate(ann, batches, 4), batches, rule=mse)
    weights = {key: value for key, value in state(ann).items() if key.endswith("weight")}
    assert all(torch.equal(value, state(corrected)[key]) for key, value in weights.items())


@pytest.mark.parametrize("choices", [{"coupling": "causal"}, {"coupling": "differential", "code": "uniform"}, {}])
def test_every_coupling_of_levels_takes_the_weights(choices):
    ann = prepared("residual_of_spikes")
    data = images(ann, 192).numpy()
    snn = convert(ann, timesteps=4, levels=1, calibration="ridge", calibration_data=data, **choices)
    assert snn.report.method.method == "ridge"
    assert snn.report.verification.images > 0
    unmoved = convert(ann, timesteps=4, levels=1, calibration="bias", calibration_data=data, **choices)
    one, other = state(snn), state(unmoved)
    assert any(not torch.equal(one[key], other[key]) for key in one if key.endswith("weight"))
