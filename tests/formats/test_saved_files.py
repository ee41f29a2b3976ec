"""A file is the artifact: every stage comes back as it was, and other people's runtimes compute the same."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from graph_cases import CASES, W, conv, images, model_of, node, plain, prepared, proto_of, quantize

from snnconv.convert import convert
from snnconv.errors import FileError, ModelError
from snnconv.files import require_writable, write_atomically
from snnconv.formats.onnx.writing import save, to_onnx
from snnconv.loading import load
from snnconv.model import InputSpec, Stage
from snnconv.neurons import Coupling
from snnconv.neurons.onnx_functions import DOMAIN, functions
from snnconv.spiking.unrolling import spike

RUNTIME = 1e-5  # of the largest magnitude of an output, in float32
STAGES = {
    "ann": plain,
    "quantized": lambda name: quantize(prepared(name), 8),
    "mean": lambda name: spike(quantize(prepared(name), 8), 4, 2),
    "causal": lambda name: spike(quantize(prepared(name), 8), 4, 2, Coupling.CAUSAL),
}


def run_onnx(proto, x):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x.numpy()})


def outputs_of(model, x):
    out = model(x)
    return out if isinstance(out, tuple) else (out,)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", CASES)
def test_every_stage_comes_back(name, stage, tmp_path):
    model = STAGES[stage](name)
    path = save(model, tmp_path / "network.onnx")
    again = load(path)
    for field in ("stage", "input", "outputs", "timesteps", "levels", "coupling"):
        assert getattr(again, field) == getattr(model, field)
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    assert {each.domain for each in proto.graph.node} <= {"", DOMAIN}
    assert {(each.domain, each.name) for each in proto.functions} == {
        (DOMAIN, each.op_type) for each in proto.graph.node if each.domain == DOMAIN
    }
    for batch in (1, 5):
        x = images(model, batch)
        wanted = outputs_of(model, x)
        for mine, theirs, reference in zip(outputs_of(again, x), run_onnx(proto, x), wanted, strict=True):
            assert torch.equal(mine, reference)
            assert theirs.shape == reference.shape
            assert np.abs(theirs - reference.numpy()).max() <= RUNTIME * float(reference.abs().max())


def test_a_spiking_network_gives_means_and_then_steps():
    proto = to_onnx(STAGES["mean"]("two_outputs"))
    assert [each.name for each in proto.graph.output] == ["out", "flat", "out_steps", "flat_steps"]
    shapes = [
        [dim.dim_param or dim.dim_value for dim in each.type.tensor_type.shape.dim] for each in proto.graph.output
    ]
    assert shapes == [["batch", 5], ["batch", 4], [4, "batch", 5], [4, "batch", 4]]
    out, flat, out_steps, flat_steps = run_onnx(proto, torch.randn(3, 3, 6, 6))
    np.testing.assert_allclose(out_steps.mean(0), out, rtol=0, atol=1e-5)
    np.testing.assert_allclose(flat_steps.mean(0), flat, rtol=0, atol=1e-5)


def test_the_functions_are_of_standard_operators():
    for function in functions().values():
        assert {each.domain for each in function.node} <= {""}
        assert [(each.domain, each.version) for each in function.opset_import] == [("", 18)]


def test_every_site_is_one_node_of_our_domain():
    kinds = [each.op_type for each in to_onnx(STAGES["mean"]("residual_of_spikes")).graph.node if each.domain == DOMAIN]
    assert kinds.count("MultiThreshold") == 2
    kinds = [each.op_type for each in to_onnx(STAGES["quantized"]("chain")).graph.node if each.domain == DOMAIN]
    assert kinds == ["QCFS", "QCFS"]


def test_input_spec_and_provenance_survive(tmp_path):
    model = convert(plain("chain"), calibration_data=images(plain("chain"), 16))
    model.input = InputSpec(3, 6, 6, mean=(0.1, 0.2, 0.3), std=(0.5,), resize=7, classes=("ä", "<b>"))
    again = load(save(model, tmp_path / "a.onnx"))
    assert again.input == model.input
    assert again.provenance["conversion"] == model.provenance["conversion"]
    assert again.provenance["source"] == "a.onnx"
    third = load(save(again, tmp_path / "b.onnx"))
    assert third.provenance["source"] == "b.onnx"
    assert [each.get("source") for each in third.provenance["history"]] == [None, "a.onnx"]
    assert third.provenance["conversion"] == model.provenance["conversion"]


def test_a_quantized_network_is_converted_from_its_file(tmp_path):
    quantized = quantize(plain("residual_of_spikes"), 8)
    snn = convert(save(quantized, tmp_path / "quantized.onnx"), timesteps=2)
    x = images(quantized)
    assert torch.equal(snn.logits(x), convert(quantized, timesteps=2).logits(x))


def test_the_same_model_makes_the_same_bytes():
    model = STAGES["mean"]("product_of_spikes")
    assert to_onnx(model).SerializeToString() == to_onnx(model.copy()).SerializeToString()


def test_shared_weights_are_stored_once():
    nodes = [conv("input", "c1", "w", "b"), node("Relu", "c1", "r1"), conv("r1", "c2", "w", "b")]
    rng = np.random.default_rng(0)
    made = proto_of(
        [*nodes, node("Relu", "c2", "out")],
        {"w": rng.standard_normal((4, 4, 3, 3)), "b": rng.standard_normal(4)},
        (4, 5, 5),
    )
    assert len(to_onnx(model_of(made)).graph.initializer) == 2


def test_an_open_size_cannot_be_written():
    model = replace(plain("chain"), input=InputSpec(3, None, None))
    with pytest.raises(ModelError, match="--size"):
        to_onnx(model)


def fail(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(("where", "what"), [(os, "fsync"), (Path, "replace"), (os, "open")])
@pytest.mark.parametrize("old", [b"old", None])
def test_a_failure_leaves_the_old_file_and_nothing_else(where, what, old, tmp_path, monkeypatch):
    path = tmp_path / "network.onnx"
    if old is not None:
        path.write_bytes(old)
    monkeypatch.setattr(where, what, fail)
    with pytest.raises(FileError, match="No space left"):
        save(plain("chain"), path)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == ([] if old is None else [old])


def test_an_interruption_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    path = tmp_path / "network.onnx"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"old"]


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "network.onnx"
    path.write_bytes(b"old" * 100)
    write_atomically(path, b"new")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("network.onnx", b"new")]
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize("write", [require_writable, lambda path: write_atomically(path, b"new")])
def test_places_that_cannot_be_written(write, tmp_path, monkeypatch):
    with pytest.raises(FileError, match="is a folder"):
        write(tmp_path)
    with pytest.raises(FileError, match="is a folder"):
        write("")
    with pytest.raises(FileError, match="cannot be written"):
        write(tmp_path / "missing" / "network.onnx")
    with pytest.raises(FileError, match="cannot be written"):
        write(tmp_path / ("x" * 300))
    with pytest.raises(FileError, match="no regular file"):
        write(os.devnull)
    monkeypatch.setattr(os, "open", _refuse)
    with pytest.raises(FileError, match="Permission denied"):
        write(tmp_path / "network.onnx")
    assert list(tmp_path.iterdir()) == []


def _refuse(*_, **__):
    raise PermissionError(errno.EACCES, "Permission denied")


def test_a_place_that_can_be_written_is_left_as_it_is(tmp_path):
    path = tmp_path / "network.onnx"
    require_writable(path)
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(b"old")
    require_writable(path)
    assert path.read_bytes() == b"old"


def test_the_stage_is_told_by_the_sites_and_not_by_the_metadata(tmp_path):
    proto = to_onnx(STAGES["mean"]("chain"))
    del proto.metadata_props[:]
    onnx.save(proto, tmp_path / "bare.onnx")
    bare = load(tmp_path / "bare.onnx")
    assert (bare.stage, bare.timesteps, bare.levels, bare.coupling) == (Stage.SNN, 4, 2, Coupling.MEAN)
    assert bare.outputs == ("out",)


def test_ceilings_of_one_channel_and_of_the_last_axis_survive(tmp_path):
    nodes = [
        node("Conv", "input one", "c1"),
        node("Relu", "c1", "r1"),
        node("Transpose", "r1", "t", perm=[0, 2, 3, 1]),
        node("Conv", "input two", "c2"),
        node("Transpose", "c2", "u", perm=[0, 2, 3, 1]),
        node("Relu", "u", "r2"),
        node("Add", "t r2", "out"),
    ]
    weights = {"one": W["w1"][:1, :, :1, :1], "two": W["w1"][:, :, :1, :1]}
    quantized = quantize(model_of(proto_of(nodes, weights)), 8)
    again = load(save(quantized, tmp_path / "a.onnx"))
    for name, axis, size in (("r1", 1, 1), ("r2", 3, 4)):
        old, new = quantized.graph.get_submodule(name), again.graph.get_submodule(name)
        assert torch.equal(new.ceiling, old.ceiling)
        assert (new.channel_axis, new.ceiling.shape) == (axis, (size,))
    assert torch.equal(again(images(again)), quantized(images(again)))
