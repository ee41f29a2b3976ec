"""Spiking networks in 8-bit integers, step by step: levels are exact, currents are fine, potentials are floats."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
import torch
from graph_cases import CASES, images, plain, prepared, quantize
from test_int8_files import WITHOUT, N, distance, optimised, residual
from torch import nn

from snnconv.errors import ModelError
from snnconv.evaluation import run_onnx
from snnconv.formats.onnx import to_int8, to_onnx
from snnconv.loading import load_module
from snnconv.neurons import LIF, Coupling, MultiThreshold
from snnconv.runtime.onnxruntime import OnnxNetwork
from snnconv.spiking.plan import prepare
from snnconv.spiking.sites import iter_sites, swap
from snnconv.spiking.unrolling import spike

T = 4
COUPLINGS = (Coupling.MEAN, Coupling.CAUSAL)


def both(snn, x):
    """Every output of the 8-bit file and of the float file."""
    return [OnnxNetwork(proto)(x) for proto in (to_int8(snn, stepped=True), to_onnx(snn))]


@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize("name", CASES)
def test_every_network_stays_close(name, coupling):
    snn = spike(quantize(prepared(name), 64), T, 16, coupling)
    if name in WITHOUT:
        with pytest.raises(ModelError, match="No convolution takes levels"):
            to_int8(snn, stepped=True)
        return
    for found, wanted in zip(*both(snn, images(snn, 16)), strict=True):
        assert found.shape == wanted.shape
        assert distance(found, wanted) < 0.08


@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize("levels", [1, 16, 100])
def test_residual_blocks(levels, coupling):
    snn = spike(residual(T * levels), T, levels, coupling)
    found, wanted = both(snn, images(snn, 32))
    assert distance(found[0], wanted[0]) < 0.08 / levels**0.5


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_levels_are_those_of_the_neurons(coupling):
    """Behind a first layer in float the spikes of each step are the float network's, every one."""
    snn = spike(quantize(prepared("chain"), N), T, N // T, coupling)
    site = next(module for module in snn.graph.modules() if isinstance(module, MultiThreshold))
    if coupling is Coupling.CAUSAL:
        site.initial = torch.linspace(0, 1, len(site.ceiling))
    x = images(snn, 16)
    proto = to_int8(snn, stepped=True)
    first = next(node for node in proto.graph.node if node.op_type == "Concat").output[0]
    del proto.graph.output[:]
    proto.graph.output.append(onnx.helper.make_tensor_value_info(first, onnx.TensorProto.UINT8, None))
    levels = run_onnx(proto, [x])
    assert levels.dtype == torch.uint8
    stem = nn.Sequential(*(module for module in snn.graph.children() if isinstance(module, nn.Conv2d)))[0]
    fired = site(stem(x).repeat(T, 1, 1, 1)) / (site.ceiling / site.levels).view(-1, 1, 1)
    np.testing.assert_array_equal(levels, fired.round().detach())


def test_signed_sites():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Hardtanh(-1, 1), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten())
    network.append(nn.Linear(4 * 5 * 5, 5))
    torch.manual_seed(0)
    for coupling in COUPLINGS:
        snn = spike(quantize(prepare(load_module(network, (3, 9, 9))), 32), T, 8, coupling)
        assert any(module.signed for module in snn.graph.modules() if isinstance(module, MultiThreshold))
        found, wanted = both(snn, images(snn, 16))
        assert distance(found[0], wanted[0]) < 0.05


@pytest.mark.parametrize(("timesteps", "levels"), [(1, 16), (2, 8), (32, 1), (8, 100)])
def test_time_steps(timesteps, levels):
    """The last of them has more levels over its window than 8 bits count, and fires step by step."""
    for coupling in COUPLINGS:
        snn = spike(residual(timesteps * levels), timesteps, levels, coupling)
        found, wanted = both(snn, images(snn, 16))
        assert distance(found[0], wanted[0]) < 0.06
        assert found[1].shape == wanted[1].shape


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_every_convolution_but_the_first_is_one_integer_operator(tmp_path, coupling):
    operators = optimised(to_int8(spike(residual(N), T, N // T, coupling), stepped=True), tmp_path)
    assert operators["Conv"] == 1  # the stem, once
    assert operators["QLinearConv"] == 4  # of five, one is merged with the shortcut


def test_more_steps_make_more_neurons_only():
    counts = [
        Counter(node.op_type for node in to_int8(spike(residual(32), t, 32 // t), stepped=True).graph.node)
        for t in (4, 8)
    ]
    assert counts[0]["Conv"] == counts[1]["Conv"]
    assert counts[0]["Concat"] == counts[1]["Concat"]


def test_what_cannot_be_written():
    with pytest.raises(ModelError, match="no levels: convert it first"):
        to_int8(plain("chain"), stepped=True)
    with pytest.raises(ModelError, match="write the collapsed form"):
        to_int8(residual(N), stepped=True)
    with pytest.raises(ModelError, match="L <= 255"):
        to_int8(spike(residual(512), 2, 256), stepped=True)


def test_neurons_without_an_8_bit_form_are_named():
    snn = spike(quantize(prepared("chain"), 16), T, 4, Coupling.CAUSAL)
    for node, site in list(iter_sites(snn.graph)):
        swap(snn.graph, node, LIF(site.ceiling, T, 4, channel_axis=site.channel_axis))
    with pytest.raises(ModelError, match="No neurons of the network fire levels of 8 bits"):
        to_int8(snn, stepped=True)
