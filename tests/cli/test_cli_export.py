"""`snnconv export`."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from snnconv.evaluation import run_onnx
from snnconv.loading import load


@pytest.fixture
def snn(run, here):
    assert run("convert", "net.onnx", "--calibration-data", "npz:data.npz", "--mean", "0", "--std", "1").code == 0
    return "net-snn.onnx"


def test_int8_beside_the_network(run, here, snn):
    ran = run("export", snn, "--int8", "--data", "npz:data.npz", "--json")
    assert ran.code == 0, ran.err
    found = ran.json
    assert (found["file"], found["form"], found["int8"]) == ("net-snn-int8.onnx", "collapsed", True)
    assert found["comparison"]["images"] == 20
    assert found["comparison"]["agreement"] >= 90
    operators = {node.op_type for node in onnx.load(here / "net-snn-int8.onnx").graph.node}
    assert {"QuantizeLinear", "DequantizeLinear", "Conv"} <= operators
    assert found["bytes"] == (here / "net-snn-int8.onnx").stat().st_size


def test_forms(run, here, snn):
    for form, names in (("stepped", ["logits", "logits_steps"]), ("collapsed", ["logits"])):
        ran = run("export", snn, "--form", form, "-o", f"{form}.onnx", "--data", "npz:plain.npz", "--limit", 8)
        assert ran.code == 0, ran.err
        assert "same arg-max" in ran.out
        assert "accuracy" not in ran.out
        assert [output.name for output in onnx.load(here / f"{form}.onnx").graph.output] == names
    x = load(here / snn).input
    batch = np.random.default_rng(1).random((3, *x.sample_shape()), dtype=np.float32)
    one, other = (run_onnx(here / f"{form}.onnx", [_tensor(batch)]) for form in ("stepped", "collapsed"))
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_int8_step_by_step(run, refused, here, snn):
    ran = run("export", snn, "--form", "stepped", "--int8", "--data", "npz:data.npz", "--json")
    assert ran.code == 0, ran.err
    found = ran.json
    assert (found["file"], found["form"], found["int8"]) == ("net-snn-stepped-int8.onnx", "stepped", True)
    assert found["comparison"]["agreement"] >= 90
    assert [output.name for output in onnx.load(here / found["file"]).graph.output] == ["logits", "logits_steps"]
    assert run("export", snn, "--form", "collapsed", "-o", "quantized.onnx").code == 0
    assert "write the collapsed form" in refused("export", "quantized.onnx", "--form", "stepped", "--int8")


def test_evaluation_of_an_int8_file(run, refused, here, snn):
    for form in ("collapsed", "stepped"):
        assert run("export", snn, "--int8", "--form", form, "-o", "int8.onnx").code == 0
        ran = run("evaluate", "int8.onnx", "--data", "npz:data.npz", "--against", "net.onnx", "--json")
        assert ran.code == 0, ran.err
        assert ran.json["backend"] == "onnxruntime-int8"
        assert ran.json["precision"] == "8-bit integers"
        assert ran.json["mode"] == ("collapsed" if form == "collapsed" else "simulated")
        assert ran.json["agreement"] >= 80
    assert "onnxruntime-int8" in run("evaluate", "int8.onnx", "--data", "npz:data.npz").out
    assert "not torch" in refused("evaluate", "int8.onnx", "--data", "npz:data.npz", "--backend", "torch")
    assert "leave --size out" in refused("evaluate", "int8.onnx", "--data", "npz:data.npz", "--size", "5")
    assert "exported from" in refused("convert", "int8.onnx")
    assert run("evaluate", snn, "--data", "npz:data.npz", "--json").json["backend"] == "torch"


def test_int8_of_neurons_that_do_not_wait(run, here):
    calibrated = ("--calibration-data", "npz:data.npz", "--mean", "0", "--std", "1")
    assert run("convert", "net.onnx", "--coupling", "causal", *calibrated).code == 0
    found = run("export", "net-snn.onnx", "--int8", "--data", "npz:data.npz", "--json").json
    assert (found["form"], found["comparison"]["images"]) == ("stepped", 20)  # no network of one pass equals it
    assert found["comparison"]["agreement"] >= 90


def _tensor(values):
    import torch

    return torch.from_numpy(values)


def test_single_steps(run, refused, here):
    calibrated = ("--calibration-data", "npz:data.npz", "--mean", "0", "--std", "1")
    assert run("convert", "net.onnx", "--coupling", "causal", *calibrated).code == 0
    ran = run("export", "net-snn.onnx", "--form", "single-step", "--data", "npz:data.npz", "--json")
    assert ran.code == 0, ran.err
    found = ran.json
    assert (found["file"], found["form"]) == ("net-snn-single-step.onnx", "single-step")
    assert found["comparison"]["agreement"] >= 95
    names = ["logits", "relu1_v_out", "relu2_v_out"]
    assert [output.name for output in onnx.load(here / found["file"]).graph.output] == names
    assert "one step of a spiking network" in refused("export", found["file"])
    assert "not single-step" in refused("export", "net-snn.onnx", "--form", "single-step", "--int8")


def test_single_steps_of_neurons_that_wait(refused, snn):
    assert "--coupling differential or causal" in refused("export", snn, "--form", "single-step")


def test_outputs_that_name_no_classes(run, make):
    """A map of 8 channels: errors, no arg-max, in the table and in JSON."""
    calibrated = ("--calibration-data", "npz:data.npz", "--mean", "0", "--std", "1")
    make("map.onnx", outputs=("c2",))
    assert run("convert", "map.onnx", *calibrated).code == 0
    for words in (("evaluate", "map-snn.onnx", "--against", "map.onnx"), ("export", "map-snn.onnx", "-o", "e.onnx")):
        out = run(*words, "--data", "npz:data.npz").out
        assert "relative L2 error" in out
        assert "8x8x8" in out
        assert "arg-max" not in out
        assert "same class" not in out
        found = run(*words, "--data", "npz:data.npz", "--json").json
        found = found if words[0] == "evaluate" else found["comparison"]
        assert found["agreement"] is found["accuracy"] is None
        assert found["output_errors"][0]["relative_error"] < 1
    assert "Nothing says how good" in run("evaluate", "map.onnx", "--data", "npz:data.npz").out


def test_bad_input(refused, here):
    assert "no levels: convert it first" in refused("export", "net.onnx", "--int8")
    assert "no levels: convert it first" in refused("export", "net.onnx", "--int8", "--form", "stepped")
    assert "give --data" in refused("export", "net.onnx", "--limit", "3")
    assert "is a file that is read" in refused("export", "net.onnx", "-o", "net.onnx")
    assert "missing.onnx" in refused("export", "missing.onnx")
