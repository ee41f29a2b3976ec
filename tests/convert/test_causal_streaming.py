"""Causal coupling is the ordinary neuron: an independent step-by-step simulation computes the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from graph_cases import images, model_of, node, proto_of, quantize, run_double
from reference import streaming

from snnconv.neurons import Coupling
from snnconv.spiking.unrolling import spike

EXACT = 1e-9  # of the largest magnitude, in float64


def network(kernels, seed):
    """Three operators with a site after each of the first two: 1 x 1 convolutions, or linear ones."""
    rng = np.random.default_rng(seed)
    widths = [(5, 3), (6, 5), (4, 6)]
    weights = {}
    for index, (out, into) in enumerate(widths):
        shape = (out, into, 1, 1) if kernels else (out, into)
        weights[f"w{index}"] = rng.normal(0, 1, shape).astype(np.float32)
        weights[f"b{index}"] = rng.normal(0, 0.3, out).astype(np.float32)
    kind, more = ("Conv", {}) if kernels else ("Gemm", {"transB": 1})
    nodes = [
        node(kind, "input w0 b0", "z0", **more),
        node("Relu", "z0", "r0"),
        node(kind, "r0 w1 b1", "z1", **more),
        node("Relu", "z1", "r1"),
        node(kind, "r1 w2 b2", "out", **more),
    ]
    return model_of(proto_of(nodes, weights, (3, 4, 4) if kernels else (3,))), weights


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize(("timesteps", "levels"), [(1, 1), (2, 4), (4, 1), (5, 2), (8, 3)])
def test_it_is_the_streaming_simulation(kernels, timesteps, levels):
    model, weights = network(kernels, timesteps)
    quantized = quantize(model, timesteps * levels, seed=levels)
    snn = spike(quantized, timesteps, levels, Coupling.CAUSAL)
    x = images(snn, 6)
    layers = [
        (weights[f"w{i}"], weights[f"b{i}"], snn.graph.get_submodule(f"r{i}").ceiling.detach().numpy()) for i in (0, 1)
    ]
    wanted = streaming.simulate(x.numpy(), layers, (weights["w2"], weights["b2"]), timesteps, levels)
    mean, steps = run_double(snn, x)
    assert np.abs(steps.numpy() - wanted).max() <= EXACT * np.abs(wanted).max()
    assert np.abs(mean.numpy() - wanted.mean(0)).max() <= EXACT * np.abs(wanted).max()


def test_the_first_site_sees_a_constant_current_and_is_exact():
    model, _ = network(True, 0)
    quantized = quantize(model, 8)
    snn = spike(quantized, 4, 2, Coupling.CAUSAL)
    seen = {}
    for name, copied in (("ann", quantized.copy()), ("snn", snn.copy())):
        copied.graph.double()
        copied.graph.get_submodule("r0").register_forward_hook(lambda _, __, out, name=name: seen.update({name: out}))
        copied(images(snn).double())
    steps = seen["snn"].unflatten(0, (4, -1))
    torch.testing.assert_close(steps.mean(0), seen["ann"], rtol=0, atol=1e-12)


def test_unevenness_shows_at_few_steps():
    model, _ = network(True, 1)
    quantized = quantize(model, 4)
    x = images(quantized, 32)
    wanted = run_double(quantized, x)[0]
    causal = run_double(spike(quantized, 4, 1, Coupling.CAUSAL), x)[0]
    assert float((causal - wanted).abs().max()) > 0.01 * float(wanted.abs().max())
