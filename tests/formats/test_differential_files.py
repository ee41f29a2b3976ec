"""Files of differential coupling in onnxruntime: the module's values, for every operator, code, sign, cap and start."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from graph_cases import CASES, classifier, conv, images, model_of, node, prepared
from hypothesis import given, settings
from hypothesis import strategies as st

from snnconv import load
from snnconv.formats.onnx import save, to_onnx, to_single_step
from snnconv.formats.onnx.writing import wrapped
from snnconv.graph.emission import Emission
from snnconv.neurons import BipolarMultiThreshold, Code, Coupling, SigmaDelta, capabilities_of
from snnconv.runtime.onnxruntime import OnnxNetwork
from snnconv.spiking.plan import prepare
from snnconv.spiking.sites import cap_of, channel_axis, is_signed, iter_sites
from snnconv.spiking.unrolling import unroll

CODES = list(Code)
CLOSE = 1e-5  # of the largest magnitude


def mobile():
    """A block as MobileNetV3 has it: hard-swish, depthwise, squeeze-and-excite max-pool and ReLU6."""
    weights = {
        name: np.random.default_rng(seed).normal(0, scale, shape)
        for seed, (name, shape, scale) in enumerate(
            (("wd", (4, 1, 3, 3), 0.5), ("we", (2, 4, 1, 1), 0.6), ("be", (2,), 0.3), ("wx", (4, 2, 1, 1), 0.6))
        )
    }
    nodes = [
        conv("input", "c1"),
        node("HardSwish", "c1", "h1"),
        node("MaxPool", "h1", "pool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1]),
        conv("pool", "c2", "wd", "b2", group=4),
        node("Clip", "c2 zero six", "r2"),
        node("GlobalAveragePool", "r2", "squeezed"),
        conv("squeezed", "reduced", "we", "be", pads=[0] * 4),
        node("Relu", "reduced", "r3"),
        conv("r3", "expanded", "wx", "b1", pads=[0] * 4),
        node("HardSigmoid", "expanded", "gate", alpha=1 / 6, beta=0.5),
        node("Mul", "r2 gate", "excited"),
        conv("excited", "c4", "w2", "b1"),
        node("Add", "c4 h1", "sum"),
        node("HardSwish", "sum", "features"),
    ]
    return model_of(classifier(nodes, weights | {"zero": 0.0, "six": 6.0}))


def spiking(model, code, timesteps, *, dead_zone=0.75):
    """Every site with thresholds, and a start, of its channels."""
    rng = np.random.default_rng(3)

    def neuron(place, site):
        axis = channel_axis(model.graph, place)
        size = () if axis is None else (place.meta["shape"][axis - 1],)
        theta = torch.tensor(rng.uniform(0.4, 1.5, size), dtype=torch.float32)
        more = {"signed": is_signed(site), "channel_axis": axis or 1}
        if code is Code.UNIFORM:
            return BipolarMultiThreshold(theta, timesteps, 3, total_levels=3 * timesteps - 1, **more)
        start = torch.tensor(rng.integers(0, 9, size) / 128, dtype=torch.float32)
        return SigmaDelta(theta, timesteps, 8, dead_zone=dead_zone, cap=cap_of(site), initial=start, **more)

    return unroll(model, neuron)


def assert_same(snn, x):
    """Every output and step of the file beside those of the network, in float32, and its values change over time."""
    moved = False
    outputs = OnnxNetwork(to_onnx(snn))(x)
    for output, wanted in zip(outputs, snn(x), strict=True):
        torch.testing.assert_close(output, wanted, rtol=0, atol=CLOSE * float(wanted.abs().max()))
    for steps in outputs[len(snn.outputs) :]:
        moved |= bool((steps[1:] != steps[:1]).any())
    assert moved


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("name", sorted(CASES))
def test_every_operator_in_onnxruntime(name, code):
    snn = spiking(prepared(name), code, 4)
    assert_same(snn, images(snn, 4))


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("dead_zone", [0.75, 0.5])
def test_a_mobile_network_in_onnxruntime(code, dead_zone, tmp_path):
    model = prepare(mobile())
    kinds = {(is_signed(site), cap_of(site)) for _, site in iter_sites(model.graph)}
    assert {signed for signed, _ in kinds} == {True, False}
    assert 6.0 in {cap for _, cap in kinds}
    snn = spiking(model, code, 5, dead_zone=dead_zone)
    assert_same(snn, 2 * images(snn, 4))
    again = load(save(snn, tmp_path / "snn.onnx"))
    assert (again.coupling, again.timesteps) == (Coupling.DIFFERENTIAL, 5)
    for output, wanted in zip(again(images(snn)), snn(images(snn)), strict=True):
        assert torch.equal(output, wanted)


@pytest.mark.parametrize("code", CODES)
def test_nodes_do_not_grow_with_the_steps(code):
    model = prepare(mobile())
    sizes = set()
    for timesteps in (2, 4, 32):
        snn = spiking(model, code, timesteps)
        stepped = (sum(map(nodes_of, part)) for part in parts_of(to_onnx(snn)))
        sizes.add((*stepped, nodes_of_graph(to_single_step(snn).graph)))
    assert len(sizes) == 1


def parts_of(proto):
    return list(proto.graph.node), [inner for function in proto.functions for inner in function.node]


def nodes_of(operator):
    inner = [attribute.g for attribute in operator.attribute if attribute.type == onnx.AttributeProto.GRAPH]
    return 1 + sum(map(nodes_of_graph, inner))


def nodes_of_graph(graph):
    return sum(map(nodes_of, graph.node))


@pytest.mark.parametrize("code", CODES)
def test_a_constant_branch_is_none_when_the_file_runs(code, tmp_path):
    """What a layer has no use for costs nothing: onnxruntime keeps no `If`."""
    snn = spiking(prepared("chain"), code, 4)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(to_onnx(snn).SerializeToString(), options, providers=["CPUExecutionProvider"])
    bodies = [
        [inner.op_type for inner in attribute.g.node]
        for operator in onnx.load(tmp_path / "optimized.onnx").graph.node
        for attribute in operator.attribute
        if attribute.type == onnx.AttributeProto.GRAPH
    ]
    assert len(bodies) == 2
    for body in bodies:
        assert "If" not in body
        assert len(body) <= 11


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 6),
    st.integers(1, 12),
    st.sampled_from([0.5, 0.6, 0.75, 0.9, 1.0, 1.5]),
    st.sampled_from([0.3, 1.1, float("inf")]),
    st.booleans(),
    st.integers(0, 2**16),
)
def test_one_layer_of_any_settings(timesteps, octaves, dead_zone, cap, signed, seed):
    """The function's rounding trick, and a step's, beside the module: exactly, on the grid and between."""
    rng = np.random.default_rng(seed)
    theta = torch.tensor(2.0 ** rng.integers(-2, 3, 4) * rng.choice([1.0, 0.7], 4), dtype=torch.float32)
    start = torch.tensor(rng.integers(0, 3, 4) * 2.0 ** (1 - octaves), dtype=torch.float32)
    site = SigmaDelta(theta, timesteps, octaves, dead_zone=dead_zone, cap=cap, initial=start, signed=signed)
    values = rng.normal(0, 1, (timesteps, 2, 4, 3))
    values = np.where(rng.random(values.shape) < 0.5, np.rint(values * 64) / 64, values).astype(np.float32)
    with torch.inference_mode():
        told = site(torch.from_numpy(values.reshape(-1, 4, 3)))
    assert run_site(site, values.reshape(-1, 4, 3)).tolist() == told.tolist()


def run_site(site, values):
    """A layer alone in onnxruntime."""
    emission = Emission()
    emission.ranks["site"] = values.ndim
    output = capabilities_of(site).onnx.emit(site, emission, ["values"], "site")
    graph = onnx.helper.make_graph(
        emission.nodes,
        "site",
        [onnx.helper.make_tensor_value_info("values", onnx.TensorProto.FLOAT, ["n", *values.shape[1:]])],
        [onnx.helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, ["n", *values.shape[1:]])],
        list(emission.initializers.values()),
    )
    session = onnxruntime.InferenceSession(wrapped(graph, {}).SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"values": values})[0]
