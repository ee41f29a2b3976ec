"""Folders of differential coupling: messages of powers of two and of levels, bit by bit as a chip runs them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from graph_cases import model_of, node, proto_of, run_double
from hardware_cases import HELD, NOT_HELD, T, differential, floats, integers
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.hardware_messages import Chip, levels_of, message_of

from snnconv.errors import FileError, UnsupportedOperatorsError
from snnconv.formats.hardware import HardwareNetwork, save_hardware, to_hardware
from snnconv.formats.hardware.operators import Limits, fire_back, message
from snnconv.model import InputSpec
from snnconv.neurons import Code, SigmaDelta
from snnconv.spiking.unrolling import unroll

CODES = tuple(Code)
NETWORKS = [(name, code) for name in (*HELD, "pooled_and_normed", "max_pool_after_concat") for code in CODES]


def real(network, pixels):
    """Outputs in the network's own units."""
    sums = network(pixels)
    return [values * output["scale"] for values, output in zip(sums, network.graph["outputs"], strict=True)]


def values_of(network, pixels):
    """The integers of every layer at every pass."""
    values = {}
    network(pixels, lambda step, at, integers: values.update({(step, at): integers}))
    return values


@pytest.mark.parametrize(("name", "code"), NETWORKS)
def test_values_are_the_sums_of_the_messages_that_a_chip_sends(name, code, tmp_path):
    snn = differential(name, code)
    chip = Chip(save_hardware(snn, tmp_path / "out", weight_bits=5))
    pixels = integers(snn, 2)
    network = HardwareNetwork(to_hardware(snn, weight_bits=5))
    for answer, sent in zip(network(pixels), chip.run(pixels), strict=True):
        assert answer.dtype == np.int64
        assert answer.tolist() == sent.tolist()
    values = values_of(network, pixels)
    sums = [0] * len(network.graph["layers"])
    for step, messages in enumerate(chip.messages):
        sums = [total + sent for total, sent in zip(sums, messages, strict=True)]
        assert all(values[step, at].tolist() == total.tolist() for at, total in enumerate(sums))


@pytest.mark.parametrize(("name", "code"), NETWORKS)
def test_a_message_is_a_sign_and_an_exponent_or_a_level(name, code, tmp_path):
    snn = differential(name, code)
    network = HardwareNetwork(to_hardware(snn))
    values = values_of(network, integers(snn, 4))
    sent = set()
    for at, layer in enumerate(network.graph["layers"]):
        how = layer["attributes"]
        if layer["operator"] == "sigma_delta":
            allowed = {0, *(sign << e for e in range(how["octaves"]) for sign in (1, -1))}
        elif layer["operator"] == "bipolar":
            allowed = set(range(-how["levels"], how["levels"] + 1))
        else:
            continue
        for step in range(1, T):
            messages = values[step, at] - values[step - 1, at]
            assert set(messages.reshape(-1).tolist()) <= allowed
            sent |= set(messages.reshape(-1).tolist())
        if layer["operator"] == "sigma_delta" and not how["signed"]:
            assert min(values[step, at].min() for step in range(T)) >= 0
    assert max(sent) > 0
    assert min(sent) < 0 or name == "output_is_a_site"  # whose one layer is told the same in every pass


@pytest.mark.parametrize(("name", "code"), [entry for entry in NETWORKS if entry[0] != "max_pool_after_concat"])
def test_it_is_close_to_the_float_network(name, code):
    """But where currents and messages, of very different units, share weights: the finer ones would need more bits."""
    snn = differential(name, code)
    pixels = integers(snn, 8)
    wanted = run_double(snn, floats(snn, pixels))
    for bits, most in ((14, 0.05), (8, 0.1)):
        answers = real(HardwareNetwork(to_hardware(snn, weight_bits=bits)), pixels)
        for answer, output in zip(answers, wanted, strict=False):
            assert np.linalg.norm(answer - output.numpy()) < most * np.linalg.norm(output.numpy())


@pytest.mark.parametrize(("name", "code"), NETWORKS)
def test_nothing_is_beyond_what_is_stated(name, code):
    snn = differential(name, code)
    network = HardwareNetwork(to_hardware(snn, weight_bits=6))
    shape = integers(snn, 1)
    for extreme in (integers(snn, 4), np.zeros_like(shape), np.full_like(shape, 255)):
        for (_, at), values in values_of(network, extreme).items():
            layer = network.graph["layers"][at]
            low, high = layer["range"]
            assert low <= values.min() <= values.max() <= high, layer
            assert layer["bits"] <= network.graph["widest_bits"]


def test_the_answer_after_a_pass_is_that_of_fewer_passes():
    """What a layer told until pass t does not depend on T."""
    snn = differential("chain", Code.POWER_OF_TWO)
    files = to_hardware(snn)
    pixels = integers(snn, 4)
    network = HardwareNetwork(files)
    values, (output,) = values_of(network, pixels), network.graph["outputs"]
    for passes in range(1, T):
        shorter = HardwareNetwork({**files, "graph.json": json.dumps({**files.graph, "passes": passes}).encode()})
        assert shorter(pixels)[0].tolist() == values[passes - 1, output["layer"]].tolist()


def test_images_of_a_batch_do_not_mix():
    for code in CODES:
        snn = differential("residual_of_spikes", code)
        network, pixels = HardwareNetwork(to_hardware(snn)), integers(snn, 3)
        together = network(pixels)[0]
        assert [network(pixels[at : at + 1])[0][0].tolist() for at in range(3)] == together.tolist()


def test_what_the_folder_says():
    graphs = {code: to_hardware(differential("chain", code)).graph for code in CODES}
    power, uniform = graphs[Code.POWER_OF_TWO], graphs[Code.UNIFORM]
    assert (power["coupling"], power["code"], power["answer"], power["passes"]) == (
        "differential",
        "power-of-two",
        "last",
        T,
    )
    assert (power["levels"], power["total_levels"]) == (None, None)
    assert (uniform["code"], uniform["answer"], uniform["levels"], uniform["total_levels"]) == (
        "uniform",
        "last",
        4,
        4 * T,
    )
    layer = next(layer for layer in power["layers"] if layer["operator"] == "sigma_delta")
    assert layer["attributes"] == {"octaves": 6, "signed": False, "shift": layer["attributes"]["shift"]}
    assert set(layer["arrays"]) == {"thresholds", "least", "initial"}
    for code, word in ((Code.POWER_OF_TWO, "a sign and e"), (Code.UNIFORM, "-levels..levels")):
        text = to_hardware(differential("chain", code))["README.txt"].decode()
        assert word in text
        assert f"code {code}" in text
        (how,) = (line for line in text.splitlines() if line.startswith("The layers run T times"))
        assert "are the answer so far" in how


def test_a_network_by_hand():
    """A pixel less 128 with weight 1/7 each; one unit of threshold 1, K=3: messages 1, 1/2, 1/4."""
    nodes = [node("Conv", "input w", "c"), node("Relu", "c", "out")]
    model = model_of(proto_of(nodes, {"w": [[[[1.0]]]]}, (1, 1, 1)))
    snn = unroll(model, lambda *_: SigmaDelta(torch.tensor(1.0), T, 3))
    snn.input = InputSpec(1, 1, 1, mean=(128 / 255,), std=(7 / 255,))
    network = HardwareNetwork(to_hardware(snn, weight_bits=4))
    layers = network.graph["layers"]
    # a weight of 7 is worth 1/7, so 1 of it 1/49; the smallest message 1/4 is 12.25 of these, shifted by 5: 392
    assert network._arrays[layers[2]["arrays"]["thresholds"]["file"]].tolist() == [392]
    assert network._arrays[layers[2]["arrays"]["least"]["file"]].tolist() == [294]
    # pixel 131: 3/7 is 1.71 of the smallest; the nearest message is 2, then -0.29 is left alone
    # pixel 137: 9/7 is 5.14: 4, 1, nothing; pixel 100 is below 0: nothing
    values = values_of(network, np.array([131, 137, 100]).reshape(3, 1, 1, 1))
    assert [values[step, 2].reshape(-1).tolist() for step in range(T)] == [[2, 4, 0], [2, 5, 0], [2, 5, 0], [2, 5, 0]]
    assert network.graph["outputs"][0]["scale"] == pytest.approx(1 / 4)


def test_a_damaged_folder():
    snn = differential("chain", Code.POWER_OF_TWO)
    files, pixels = to_hardware(snn), integers(snn, 1)
    for key, value in (("code", "octal"), ("answer", "first"), ("code", 3)):
        damaged = {**files, "graph.json": json.dumps({**files.graph, key: value}).encode()}
        with pytest.raises(FileError, match="does not know"):
            HardwareNetwork(damaged)(pixels)


numbers = st.integers(-(2**30), 2**30)


@settings(max_examples=300, deadline=None)
@given(numbers, st.integers(0, 2**12), st.integers(1, 2**10), st.integers(1, 12), st.booleans(), st.integers(2, 6))
def test_one_message(z, y, quarter, octaves, signed, eighths):
    """Beside Python's integers; on the way it stays within the grid, and on the side of its target."""
    smallest, how = 4 * quarter, {"octaves": octaves, "signed": signed, "shift": 0}
    least = eighths * smallest // 8 + 1
    limits = Limits(np.array(smallest), np.array(least), None)
    m = int(message(np.array(y), np.array(z), limits, how))
    assert m == message_of(z if signed else max(z, 0), y, smallest, least, how)
    assert abs(m) == 0 or abs(m).bit_count() == 1
    assert signed or y + m >= 0


@settings(max_examples=200, deadline=None)
@given(numbers, st.integers(-20, 20), st.integers(1, 2**12), st.integers(1, 6), st.booleans())
def test_one_level(z, y, half, levels, signed):
    how = {"lowest": -20 if signed else 0, "highest": 20, "levels": levels, "shift": 0}
    assert int(fire_back(np.array(y), np.array(z), np.array(2 * half), how)) == levels_of(z, y, 2 * half, how)


@pytest.mark.parametrize(("name", "named"), NOT_HELD.items())
@pytest.mark.parametrize("code", CODES)
def test_what_integers_do_not_hold_is_named_at_once(name, named, code):
    with pytest.raises(UnsupportedOperatorsError, match="cannot be held in integers") as refused:
        to_hardware(differential(name, code))
    names = [entry.name for entry in refused.value.nodes]
    assert set(names) >= set(named)
