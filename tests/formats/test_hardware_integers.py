"""Networks in integers: bit by bit what the page says, and close to the float network."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from graph_cases import HEAD, conv, model_of, node, proto_of, quantize, run_double
from graph_cases import W as WEIGHTS
from hardware_cases import (
    HELD,
    KINDS,
    MEAN,
    STD,
    L,
    T,
    floats,
    integers,
    of_images,
    of_neurons,
    pooled_and_normed,
    spiking,
)
from reference import hardware as reference

from snnconv.errors import DataError, FileError
from snnconv.evaluation.hardware import integers_of
from snnconv.formats.hardware import HardwareNetwork, save_hardware, to_hardware
from snnconv.formats.hardware.operators import multiply
from snnconv.formats.hardware.rounding import rounded_weights
from snnconv.model import InputSpec
from snnconv.neurons import Coupling
from snnconv.spiking.unrolling import spike

COUPLINGS = (Coupling.MEAN, Coupling.CAUSAL)


NETWORKS = [(name, coupling) for name in (*HELD, "pooled_and_normed") for coupling in COUPLINGS]


def made(name, coupling, levels=L):
    return pooled_and_normed(coupling) if name == "pooled_and_normed" else spiking(name, coupling, levels)


def real(network, given):
    """Outputs in the network's own units."""
    found = network(given)
    return [values * output["scale"] for values, output in zip(found, network.graph["outputs"], strict=True)]


def distance(found, wanted):
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


@pytest.mark.parametrize(("name", "coupling"), NETWORKS)
def test_it_is_the_page_unit_by_unit(name, coupling, tmp_path):
    snn = made(name, coupling)
    folder = save_hardware(snn, tmp_path / "out", weight_bits=5)
    given = integers(snn, 2)
    network = HardwareNetwork(to_hardware(snn, weight_bits=5))
    for found, wanted in zip(network(given), reference.run(folder, given), strict=True):
        assert found.dtype == np.int64
        assert found.tolist() == wanted.tolist()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frames", [False, True])
def test_neurons_unit_by_unit(kind, frames, tmp_path):
    snn = of_neurons(KINDS[kind], frames)
    folder = save_hardware(snn, tmp_path / "out")
    given = integers(snn, 2)
    (found,), (wanted,) = HardwareNetwork(to_hardware(snn))(given), reference.run(folder, given)
    assert found.tolist() == wanted.tolist()
    assert len(set(found.reshape(-1).tolist())) > 2


@pytest.mark.parametrize(("name", "coupling"), NETWORKS)
def test_it_is_close_to_the_float_network(name, coupling):
    snn = made(name, coupling)
    given = integers(snn, 8)
    wanted = run_double(snn, floats(snn, given))
    finest = real(HardwareNetwork(to_hardware(snn, weight_bits=14)), given)
    for found, each in zip(finest, wanted, strict=False):
        assert distance(found, each.numpy()) < 0.05  # a level that rounding moved is worth as much
    coarse = real(HardwareNetwork(to_hardware(snn, weight_bits=8)), given)
    assert distance(coarse[0], wanted[0].numpy()) < 0.1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frames", [False, True])
def test_neurons_fire_as_the_float_ones(kind, frames):
    snn = of_neurons(KINDS[kind], frames)
    given = integers(snn, 16)
    wanted = run_double(snn, floats(snn, given))[0].numpy()
    assert distance(real(HardwareNetwork(to_hardware(snn, weight_bits=14)), given)[0], wanted) < 0.02


@pytest.mark.parametrize(("name", "coupling"), NETWORKS)
def test_nothing_is_beyond_what_is_stated(name, coupling):
    snn = made(name, coupling)
    network = HardwareNetwork(to_hardware(snn, weight_bits=6))
    seen = set()

    def observe(step, position, values):
        layer = network.graph["layers"][position]
        low, high = layer["range"]
        assert low <= values.min(), layer
        assert values.max() <= high, layer
        assert -(2 ** (layer["bits"] - 1)) <= low <= high < 2 ** (layer["bits"] - 1)
        assert layer["bits"] <= network.graph["widest_bits"]
        assert list(values.shape[1:]) == layer["shape"]
        seen.add((step, position))

    for extreme in (integers(snn, 4), np.zeros_like(integers(snn, 1)), np.full_like(integers(snn, 1), 255)):
        network(extreme, observe)
    assert len(seen) == len(network.graph["layers"]) * network.graph["passes"]


def by_hand(coupling, bits=4):
    """A pixel less 128, weights 1 and -1/2, biases 0 and 1/4, thresholds 1/4; read out with weights 2 and -1."""
    weights = {"w": [[[[1.0]]], [[[-0.5]]]], "b": [0.0, 0.25], "f": [[2.0, -1.0]]}
    nodes = [
        conv("input", "c", "w", "b", pads=[0] * 4),
        node("Relu", "c", "r"),
        node("Flatten", "r", "flat"),
        node("Gemm", "flat f", "out", transB=1),
    ]
    model = model_of(proto_of(nodes, weights, (1, 1, 1)))
    quantized = quantize(model, T)
    quantized.graph.get_submodule("r").ceiling.data.fill_(1.0)
    snn = spike(quantized, T, 1, coupling)
    snn.input = InputSpec(1, 1, 1, mean=(128 / 255,), std=(1 / 255 * 7,))
    return to_hardware(snn, weight_bits=bits)


def watched(network, pixel):
    """Step, position and integers of every layer, for one pixel."""
    seen = []
    network(np.full((1, 1, 1, 1), pixel), lambda step, at, values: seen.append((step, at, values.reshape(-1).tolist())))
    return seen


def array_of(network, layer, name):
    return network._arrays[layer["arrays"][name]["file"]]


def test_a_network_by_hand():
    files = by_hand(Coupling.MEAN)
    network = HardwareNetwork(files)
    layers = {layer["name"]: layer for layer in network.graph["layers"]}
    assert array_of(network, layers["input"], "zero").tolist() == [128]
    # an input of 1 is worth 1/7: weights of 4 bits 7 and -7, each worth 1/49 and 1/98; thresholds 1/4 are to have 256
    # units at least, so that 12.25 of the first and 24.5 of the second are shifted by 5: 392 and 784
    assert array_of(network, layers["c"], "weights").reshape(-1).tolist() == [7, -7]
    assert layers["c"]["attributes"]["shift"] == 5
    assert array_of(network, layers["c"], "biases").tolist() == [0, 784]
    assert array_of(network, layers["r"], "thresholds").tolist() == [392, 784]
    assert array_of(network, layers["r"], "initial").tolist() == [196, 392]
    # pixel 131: 3·7·32 = 672 and 784 - 672 = 112; (672 + 196)//392 = 2 and (112 + 392)//784 = 0 levels of 4
    assert [values for _, at, values in watched(network, 131) if at in (1, 2)] == [[672, 112], [2, 0]]
    # two levels of 1/4 times 2; in 4 bits 2 and -1 are not both multiples of one number
    assert real(network, np.full((1, 1, 1, 1), 131))[0].item() == pytest.approx(1, rel=0.03)


def test_step_by_step_by_hand():
    network = HardwareNetwork(by_hand(Coupling.CAUSAL))
    layers = {layer["name"]: layer for layer in network.graph["layers"]}
    assert network.graph["passes"] == T
    theta = array_of(network, layers["r"], "thresholds").tolist()  # 1, not 1/4
    assert theta == [392, 784]
    # 3/7 a step, from 1/2: 13/14, 19/14 (fires, 5/14), 11/14, 17/14 (fires)
    assert [values[0] for _, at, values in watched(network, 131) if at == 2] == [0, 1, 0, 1]


def test_the_integers_of_images():
    bytes_ = torch.arange(12, dtype=torch.uint8).reshape(1, 3, 2, 2)
    spec = InputSpec(3, 2, 2, mean=MEAN, std=STD)
    assert integers_of(bytes_, spec).tolist() == bytes_.tolist()
    assert integers_of(bytes_.float() / 255, spec).tolist() == bytes_.tolist()
    last = integers_of(bytes_, InputSpec(3, 2, 2, layout="NHWC"))
    assert last.shape == (1, 2, 2, 3)
    counts = torch.tensor([0.0, 300.0]).reshape(1, 2, 1, 1, 1)
    assert integers_of(counts, InputSpec(1, 1, 1, timesteps=2)).reshape(-1).tolist() == [0, 255]
    assert integers_of(counts, InputSpec(1, 1, 1, timesteps=2)).shape == (2, 1, 1, 1, 1)


@pytest.mark.parametrize("bits", [2, 3, 8, 16])
def test_weights_have_their_bits_and_zeros_do_not_matter(bits):
    weight = np.random.default_rng(0).normal(size=(5, 7))
    weight[2] = 0
    whole, unit = rounded_weights(weight, bits, np.full(5, 1e-6))
    assert np.abs(whole).max() == 2 ** (bits - 1) - 1
    assert not whole[2].any()
    kept = [0, 1, 3, 4]
    naive = np.abs(weight).max(1, keepdims=True)[kept] / (2 ** (bits - 1) - 1)
    lost = ((weight - whole * unit[:, None]) ** 2)[kept].sum()
    assert lost <= ((weight[kept] - np.rint(weight[kept] / naive) * naive) ** 2).sum()


def test_sums_that_floats_would_round_are_refused():
    x, w = np.full((1, 4), 2**40), np.full((1, 4), 2**20)
    with pytest.raises(FileError, match=r"beyond 2\^53"):
        multiply(x, w)
    assert multiply(x, w // 2**10).item() == 4 * 2**50


def test_inputs_that_do_not_fit():
    snn = spiking("chain", Coupling.MEAN)
    network = HardwareNetwork(to_hardware(snn))
    given = integers(snn, 2)
    cases = ((given / 255, "float64"), (given[:, :2], "shape"), (given + 1000, r"0\.\.255"), (given - 300, "-300"))
    for wrong, word in cases:
        with pytest.raises(DataError, match=word):
            network(wrong)
    frames = of_neurons(KINDS["mht"], frames=True)
    with pytest.raises(DataError, match=r"\[4, 'batch', 3, 6, 6\]"):
        HardwareNetwork(to_hardware(frames))(integers(frames)[:2])


def test_outputs_are_in_one_scale():
    graph = json.loads(to_hardware(spiking("chain", Coupling.CAUSAL))["graph.json"])
    (output,) = graph["outputs"]
    last = graph["layers"][output["layer"]]
    assert last["scale"] == [pytest.approx(output["scale"] * T)]


@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize("pooled", [False, True])
def test_shifts_stay_out_of_the_padding(coupling, pooled):
    """What a batch-norm adds to spikes is not added to the zeros around them; the wide sums behind it stay exact."""
    norm = {"g": np.ones(4), "s": [0.3, -0.4, 0.5, 0.2], "m": np.zeros(4), "v": np.ones(4)}
    pool = node("AveragePool", "normed", "pooled", kernel_shape=[4, 4], strides=[1, 1])
    nodes = [
        conv("input", "c1"),
        node("Relu", "c1", "r1"),
        node("BatchNormalization", "r1 g s m v", "normed"),
        *([pool] if pooled else []),
        conv("pooled" if pooled else "normed", "c2", "w2", "b2"),
        node("Flatten", "c2", "out"),
    ]
    model = model_of(proto_of(nodes, WEIGHTS | norm))
    snn = of_images(spike(quantize(model, T), T, 1, coupling), coupling)
    given = integers(snn, 8)
    wanted = run_double(snn, floats(snn, given))[0].numpy()
    (found,) = real(HardwareNetwork(to_hardware(snn, weight_bits=16)), given)
    assert distance(found, wanted) < 0.015


@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize("bits", [8, 16])
def test_linear_bottlenecks(coupling, bits):
    """Behind sums that no neurons make levels of, a weight is worth far less than a threshold and is no zero."""
    nodes = [
        conv("input", "c1"),
        node("Relu", "c1", "r1"),
        conv("r1", "narrow", "w2", "b2"),
        conv("narrow", "wide", "w2", "b1"),
        node("Relu", "wide", "features"),
    ]
    model = model_of(proto_of([*nodes, *HEAD], WEIGHTS))
    snn = of_images(spike(quantize(model, T * L), T, L, coupling), coupling)
    given = integers(snn, 8)
    wanted = run_double(snn, floats(snn, given))[0].numpy()
    (found,) = real(HardwareNetwork(to_hardware(snn, weight_bits=bits)), given)
    assert distance(found, wanted) < 0.05
