"""Networks whose spikes are integers compute what the networks compute, as exactly as float32 does."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from graph_cases import CASES, conv, images, model_of, node, prepared, proto_of, quantize
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from snnconv.errors import InvalidValueError, ModelError
from snnconv.graph.precision import to_double
from snnconv.neurons import Coupling, NeuronSettings, build_neuron
from snnconv.runtime import inference
from snnconv.runtime.firing import FiringSite
from snnconv.runtime.inference import for_inference
from snnconv.runtime.levels import Currents
from snnconv.runtime.weight_slices import SlicedWeights, has_integer_arithmetic, split
from snnconv.spiking.plan import prepare
from snnconv.spiking.sites import iter_sites, swap
from snnconv.spiking.unrolling import spike

FLOAT32 = 2e-6  # of the largest output: sums of a few hundred products, and the layers behind them
needs_integers = pytest.mark.skipif(not has_integer_arithmetic(), reason="this processor has no VNNI")


@given(seed=st.integers(0, 2**16), spread=st.floats(0, 12), shape=st.sampled_from([(3, 5), (4, 2, 3, 3), (1, 1)]))
@settings(deadline=None, max_examples=40)
def test_slices_make_up_the_weights(seed, spread, shape):
    rng = np.random.default_rng(seed)
    weight = torch.tensor(rng.normal(size=shape) * np.exp(-spread * rng.random(shape)))
    total = sum(q.double() * scale.double().view(-1, *(1 for _ in shape[1:])) for q, scale in split(weight))
    largest = weight.abs().flatten(1).amax(1)
    assert ((total - weight).abs().flatten(1).amax(1) <= largest * 2.0**-23).all()
    assert all(q.dtype is torch.int8 and q.abs().max() <= 127 for q, _ in split(weight))


def test_weights_of_zero_stay_zero():
    assert all(not q.any() for q, _ in split(torch.zeros(2, 3, dtype=torch.float64)))


OPERATORS = [
    (nn.Conv2d(24, 20, 3, stride=2, padding=1), (24, 7, 6)),
    (nn.Conv2d(16, 16, 3, padding=1, groups=16), (16, 6, 6)),
    (nn.Conv2d(8, 12, (3, 1), padding=(2, 0), dilation=2, groups=2, bias=False), (8, 7, 6)),
    (nn.Linear(50, 7), (50,)),
]


@needs_integers
@pytest.mark.parametrize(("operator", "shape"), OPERATORS)
def test_an_operator_of_levels(operator, shape):
    rng = np.random.default_rng(0)
    levels = torch.tensor(rng.integers(0, 256, (5, *shape)), dtype=torch.uint8)
    levels = levels.contiguous(memory_format=torch.channels_last) if len(shape) == 3 else levels
    outputs = operator.weight.shape[0]
    step, unit = torch.tensor(rng.uniform(0.1, 2, shape[0])), torch.tensor(rng.uniform(0.5, 2, outputs))
    spatial = (1,) * (len(shape) - 1)
    function = partial(nn.functional.linear, weight=operator.weight.double())
    if isinstance(operator, nn.Conv2d):
        how = {name: getattr(operator, name) for name in ("stride", "padding", "dilation", "groups")}
        function = partial(nn.functional.conv2d, weight=operator.weight.double(), **how)
    wanted = function(levels.double() * step.view(-1, *spatial)) / unit.view(-1, *spatial)
    weights, bias = SlicedWeights(operator, step, unit, shape), torch.arange(outputs).float()
    with torch.no_grad():
        found = weights(levels, None, bias)
        twice = weights(levels, found.clone(), None)
    largest = wanted.abs().max()
    assert (found - bias.view(-1, *spatial) - wanted).abs().max() < FLOAT32 * largest
    assert (twice - bias.view(-1, *spatial) - 2 * wanted).abs().max() < 2 * FLOAT32 * largest


FORMS = {
    "quantized": None,
    "mean, T=1": (1, Coupling.MEAN),
    "mean, T=2": (2, Coupling.MEAN),
    "mean, T=4": (4, Coupling.MEAN),
    "causal, T=1": (1, Coupling.CAUSAL),
    "causal, T=4": (4, Coupling.CAUSAL),
}


def weights(*shape, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1.4 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)


def residual(first="w1", **attributes):
    """A stem, and a block whose skip is the identity, or a convolution of 1 x 1."""
    tensors = {
        "stem": weights(16, 3, 3, 3, seed=0),
        "w1": weights(16, 16, 3, 3, seed=1),
        "w2": weights(16, 16, 3, 3, seed=2),
        "short": weights(16, 16, 1, 1, seed=3),
        "depth": weights(16, 1, 3, 3, seed=4),
        "fc": weights(5, 16 * (4 if "strides" in attributes else 9), seed=5),
        **{f"b{i}": 0.3 * weights(16, seed=10 + i) for i in range(4)},
        "fb": weights(5, seed=6),
    }
    skip = "r0"
    extra = []
    if "strides" in attributes:
        extra = [conv("r0", "skip", "short", "b3", pads=[0] * 4, **attributes)]
        skip = "skip"
    middle = {"group": 16} if first == "depth" else {}
    nodes = [
        conv("input", "c0", "stem", "b0", strides=[1, 1]),
        node("Relu", "c0", "r0"),
        conv("r0", "c1", first, "b1", **attributes, **middle),
        node("Relu", "c1", "r1"),
        conv("r1", "c2", "w2", "b2"),
        *extra,
        node("Add", f"c2 {skip}", "sum"),
        node("Relu", "sum", "r2"),
        conv("r2", "c3", "w1", "b1", strides=[2, 2]),
        node("Relu", "c3", "r3"),
        node("MaxPool", "r3", "pooled", kernel_shape=[3, 3], pads=[1] * 4),
        node("Flatten", "pooled", "flat"),
        node("Gemm", "flat fc fb", "hidden", transB=1),
        node("Relu", "hidden", "r4"),
        node("Gemm", "r4 last fb", "out", transB=1),
    ]
    return model_of(proto_of(nodes, {**tensors, "last": weights(5, 5, seed=7)}))


OWN = {
    "identity skip": residual,
    "downsampling": lambda: residual(strides=[2, 2]),
    "depthwise": lambda: residual("depth"),
}


def made(network, form, total=8):
    if FORMS[form] is None:  # max-pooling stays behind the site
        return quantize(OWN[network]() if network in OWN else prepared(network), total)
    quantized = quantize(prepare(OWN[network]()) if network in OWN else prepared(network), total)
    timesteps, coupling = FORMS[form]
    return spike(quantized, timesteps, total // timesteps, coupling)


def outputs(model, x):
    with torch.no_grad():
        out = model(x)
    return out if isinstance(out, tuple) else (out,)


def in_integers(model):
    """Also the smallest operators take levels."""
    fast = model.copy()
    patch = pytest.MonkeyPatch()
    with patch.context() as context:
        context.setattr(inference, "least_sum", lambda *_: 1)
        return for_inference(fast, integers=True)


def agree(model, count=6):
    """Outputs like those in float64, but for images where a value lies on the border of two levels."""
    x = images(model, count)
    double = model.copy()
    double.graph = to_double(double.graph).eval()
    fast = in_integers(model)
    wanted, found = outputs(double, x.double()), outputs(fast, x)
    for one, other in zip(found, wanted, strict=True):
        assert one.dtype is torch.float32
        assert one.shape == other.shape
        assert (one - other).abs().max() <= FLOAT32 * max(1, other.abs().max())
    return fast


@needs_integers
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("network", [*OWN, *CASES])
def test_the_same_outputs_as_in_float64(network, form):
    try:
        model = made(network, form)
    except ModelError as error:
        pytest.skip(f"no such network: {error}")
    before = {name: value.clone() for name, value in model.graph.state_dict().items()}
    fast = agree(model)
    assert all(before[name].equal(value) for name, value in model.graph.state_dict().items())
    if network in OWN:
        firing = [module for module in fast.graph.modules() if isinstance(module, FiringSite)]
        assert len(firing) == 5


@needs_integers
def test_a_residual_block_adds_up_in_its_site():
    fast = in_integers(made("identity skip", "mean, T=4"))
    counts = [len(module.inputs) for module in fast.graph.modules() if isinstance(module, FiringSite)]
    assert sorted(counts) == [1, 1, 1, 1, 2]


@needs_integers
@pytest.mark.parametrize("kind", ["if", "lif", "mlf", "lmht"])
def test_neurons_of_other_kinds(kind):
    model = made("identity skip", "mean, T=2")
    for place, site in list(iter_sites(model.graph)):
        neuron = build_neuron(NeuronSettings(kind, timesteps=2), site.ceiling.detach())
        swap(model.graph, place, neuron)
    model.graph.recompile()
    agree(model)


@needs_integers
@pytest.mark.parametrize("total", [256, 512])
def test_levels_beyond_8_bits_stay_floats(total):
    model = made("identity skip", "quantized", total)
    fast = in_integers(model)
    assert not any(isinstance(module, (FiringSite, Currents)) for module in fast.graph.modules())
    x = images(model)
    torch.testing.assert_close(outputs(fast, x), outputs(model, x), rtol=1e-5, atol=1e-5)


@needs_integers
def test_255_levels_are_integers():
    fast = in_integers(made("identity skip", "quantized", 255))
    assert any(isinstance(module, FiringSite) for module in fast.graph.modules())


@needs_integers
def test_signed_levels_stay_floats():
    model = made("identity skip", "quantized")
    for _, site in iter_sites(model.graph):
        site.signed = True
    fast = in_integers(model)
    assert not any(isinstance(module, FiringSite) for module in fast.graph.modules())
    x = images(model)
    torch.testing.assert_close(outputs(fast, x), outputs(model, x), rtol=1e-5, atol=1e-5)


def test_double_precision_stays_as_it_is():
    model = made("identity skip", "quantized")
    model.graph = to_double(model.graph)
    assert not any(isinstance(module, FiringSite) for module in for_inference(model).graph.modules())
    with pytest.raises(InvalidValueError, match="float32"):
        for_inference(model, integers=True)
