"""Files of one time step: driven step by step in onnxruntime they are the stepped file."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from graph_cases import CASES, conv, images, model_of, node, plain, prepared, proto_of, quantize
from graph_cases import classifier as classifier_of

from snnconv import load
from snnconv.errors import FileError, InvalidValueError, ModelError, UnsupportedOperatorsError
from snnconv.formats.onnx import initial_state, save_single_step, to_onnx, to_single_step
from snnconv.formats.onnx.metadata import METADATA_KEY, SINGLE_STEP
from snnconv.model import InputSpec
from snnconv.neurons import BipolarMultiThreshold, Code, Coupling, NeuronSettings, SigmaDelta, build_neuron
from snnconv.runtime.onnxruntime import OnnxNetwork
from snnconv.runtime.streaming import StreamedNetwork
from snnconv.spiking.sites import cap_of, channel_axis, is_signed, iter_sites
from snnconv.spiking.unrolling import spike, unroll

T = 5
CLOSE = 1e-5  # of the largest magnitude, in float32: batches of B and of T*B are summed in another order
WAITING = {  # cases with operators that wait for the window, and which
    "leaky_tail": "out",
    "masked_attention": "scores",
    "matrices_of_spikes": "scores",
    "max_pool_after_concat": "pool",
    "product_of_spikes": "product",
    "sigmoid_tail": "out",
    "softmax_tail": "out",
    "square_and_quotient": "square",
    "squeeze_and_excite": "gate",
}
KINDS = {
    "mht": NeuronSettings("mht", timesteps=T),
    "if": NeuronSettings("if", timesteps=T, levels=2),
    "lif": NeuronSettings("lif", timesteps=T, decay=0.5),
    "lif, hard, two levels": NeuronSettings("lif", timesteps=T, levels=2, reset="hard", decay=0.75),
    "mlf": NeuronSettings("mlf", timesteps=T),
}


def causal(name):
    """A case's network with initial potentials of its own for every channel."""
    snn = spike(quantize(prepared(name), 2 * T), T, 2, Coupling.CAUSAL)
    for number, (_, site) in enumerate(iter_sites(snn.graph)):
        if site.ceiling.dim():
            draw = np.random.default_rng(number).uniform(0.1, 0.9, len(site.ceiling))
            site.initial = torch.tensor(draw, dtype=torch.float32)
    return snn


def differential(name, code):
    """A case's network whose neurons tell changes: thresholds a channel, signs, caps and starts of their own."""
    ann = prepared(name)
    rng = np.random.default_rng(7)

    def neuron(place, site):
        axis = channel_axis(ann.graph, place)
        size = () if axis is None else (place.meta["shape"][axis - 1],)
        theta = torch.tensor(rng.uniform(0.4, 1.5, size), dtype=torch.float32)
        more = {"signed": is_signed(site), "channel_axis": axis or 1}
        if code is Code.UNIFORM:
            return BipolarMultiThreshold(theta, T, 2, total_levels=2 * T - 1, **more)
        start = torch.tensor(rng.integers(0, 9, size) / 32, dtype=torch.float32)
        return SigmaDelta(theta, T, 6, dead_zone=0.6, cap=cap_of(site), initial=start, **more)

    return unroll(ann, neuron)


def unrolled(kind, frames):
    """Two layers of neurons of a kind, a residual, for a still input or one of T frames."""
    nodes = [
        conv("input", "c1"),
        node("Relu", "c1", "r1"),
        conv("r1", "c2", "w2", "b2"),
        node("Add", "c2 r1", "sum"),
        node("Relu", "sum", "features"),
    ]
    model = model_of(classifier_of(nodes))
    model.input = InputSpec(3, 6, 6, timesteps=T if frames else None)
    ceiling = torch.tensor([0.7, 1.1, 0.9, 1.3])
    return unroll(model, lambda _, site: build_neuron(KINDS[kind], ceiling))


def assert_alike(snn, x):
    """Every output and every step of the driven file beside the stepped one."""
    streamed = StreamedNetwork(to_single_step(snn))(x)
    stepped = OnnxNetwork(to_onnx(snn))(x)
    assert len(streamed) == len(stepped)
    fired = False
    for found, wanted in zip(streamed, stepped, strict=True):
        assert found.shape == wanted.shape
        torch.testing.assert_close(found, wanted, rtol=0, atol=CLOSE * float(wanted.abs().max()))
        fired |= bool(wanted.abs().max() > 0)
    assert fired


@pytest.mark.parametrize("name", sorted(set(CASES) - set(WAITING)))
def test_driven_step_by_step_it_is_the_stepped_file(name):
    snn = causal(name)
    assert_alike(snn, images(snn, 6))


@pytest.mark.parametrize("frames", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_neurons_of_every_kind(kind, frames):
    snn = unrolled(kind, frames)
    x = 2 * images(snn, 3)
    assert_alike(snn, torch.stack([x * (step + 1) / T for step in range(T)]) if frames else x)


@pytest.mark.parametrize("code", list(Code))
@pytest.mark.parametrize("name", sorted(CASES))
def test_under_differential_coupling_nothing_waits_and_a_step_is_the_answer_so_far(name, code):
    """The last call gives the stepped file's answer; T calls are one run of T steps, whatever the operators are."""
    snn = differential(name, code)
    x = images(snn, 4)
    assert_alike(snn, x)
    network = StreamedNetwork(to_single_step(snn))
    assert network.tells_values
    state, outputs = network.start(x), []
    for _ in range(T):
        values, state = network.step(x, state)
        outputs.append(values[0])
    answer, steps = snn(x)[0], snn(x)[len(snn.outputs)]
    close = CLOSE * float(steps.abs().max()) * T
    torch.testing.assert_close(outputs[-1], answer, rtol=0, atol=close)
    for step, output in enumerate(outputs, 1):
        torch.testing.assert_close(steps[:step].mean(0), output, rtol=0, atol=close)


@pytest.mark.parametrize("code", list(Code))
def test_the_file_says_what_its_outputs_are(code):
    def answer_of(proto):
        (text,) = (entry.value for entry in proto.metadata_props if entry.key == METADATA_KEY)
        return json.loads(text)[SINGLE_STEP]["answer"]

    assert answer_of(to_single_step(causal("chain"))) == "mean"
    proto = to_single_step(differential("chain", code))
    assert answer_of(proto) == "last"
    shapes = [array.shape for array in initial_state(proto, 3).values()]
    assert shapes == [(3, 4, 6, 6) if code is Code.POWER_OF_TWO else (3, 2, 4, 6, 6)] * 2


@pytest.mark.parametrize(("name", "waits"), WAITING.items())
def test_what_waits_for_its_window_is_named(name, waits):
    with pytest.raises(UnsupportedOperatorsError, match="when the window is over") as refused:
        to_single_step(causal(name))
    assert waits in [each.name for each in refused.value.nodes]


def test_couplings_and_stages_that_have_no_steps():
    quantized = quantize(prepared("chain"), 8)
    for model in (plain("chain"), quantized):
        with pytest.raises(ModelError, match="convert it first"):
            to_single_step(model)
    learned = unroll(plain("chain"), lambda _, site: build_neuron(NeuronSettings("lmht", T), torch.tensor(1.0)))
    for snn in (spike(quantized, 4, 2, Coupling.MEAN), learned):
        with pytest.raises(ModelError, match="--coupling differential or causal"):
            to_single_step(snn)


def test_the_file_says_how_to_run_it(tmp_path):
    snn = causal("residual_of_spikes")
    path = save_single_step(snn, tmp_path / "step.onnx")
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    described = json.loads(session.get_modelmeta().custom_metadata_map[METADATA_KEY])
    states = described[SINGLE_STEP]["states"]
    assert [state["neurons"] for state in states] == ["r1", "features"]
    assert [each.name for each in session.get_inputs()] == ["input", "r1_v", "features_v"]
    assert [each.name for each in session.get_outputs()] == ["out", "r1_v_out", "features_v_out"]
    assert [each.shape for each in session.get_inputs()] == [["batch", 3, 6, 6], *[["batch", 4, 6, 6]] * 2]
    filled = initial_state(path, 2)
    for _, site in iter_sites(snn.graph):
        name = states.pop(0)["input"]
        assert filled[name].dtype == np.float32
        assert filled[name].shape == (2, 4, 6, 6)
        np.testing.assert_array_equal(filled[name][1, :, 3, 3], site.initial.numpy())


def test_states_have_names_of_their_own():
    """Neurons whose state would be called as an output is."""
    made = CASES["chain"]()
    made.graph.output[0].name = made.graph.node[-1].output[0] = "r1_v"
    snn = spike(quantize(model_of(made), 8), 4, 2, Coupling.CAUSAL)
    proto = to_single_step(snn)
    assert [each.name for each in proto.graph.output] == ["r1_v", "r1_v__out", "features_v_out"]
    assert_alike(snn, images(snn))


def test_it_is_for_hosts_and_is_not_loaded(tmp_path):
    path = save_single_step(causal("chain"), tmp_path / "step.onnx")
    with pytest.raises(FileError, match=r"one step of a spiking network.*exported from"):
        load(path)


def test_initial_states_of_what_has_none(tmp_path):
    snn = causal("chain")
    with pytest.raises(FileError, match="--form single-step"):
        initial_state(to_onnx(snn))
    with pytest.raises(InvalidValueError, match="at least 1"):
        initial_state(to_single_step(snn), 0)
    damaged = to_single_step(snn)
    values = json.loads(damaged.metadata_props[0].value)
    del values[SINGLE_STEP]["states"][0]["shape"]
    onnx.helper.set_model_props(damaged, {METADATA_KEY: json.dumps(values)})
    with pytest.raises(FileError, match="damaged"):
        initial_state(damaged)
    assert not list(tmp_path.iterdir())


def test_one_operator_after_the_input_only():
    """No weights at all: neurons on the input itself."""
    snn = spike(quantize(model_of(proto_of([node("Relu", "input", "out")], {})), 8), 4, 2, Coupling.CAUSAL)
    assert_alike(snn, images(snn))
