"""Networks whose output is one number an image, `[batch]`, through every verb."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from graph_cases import W, conv, node, proto_of
from onnx import numpy_helper

import snnconv
from snnconv.errors import ModelError
from snnconv.evaluation import compare_file
from snnconv.formats.onnx import save_int8
from snnconv.model import Model, rows_of

RUNTIME = 1e-5  # of the largest magnitude of an output, in float32


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network and labelled images for it."""
    path = tmp_path_factory.mktemp("one_number")
    weights = {"w1": W["w1"], "b1": W["b1"], "w2": W["w2"], "b2": W["b2"]}
    nodes = [
        conv("input", "c1", "w1", "b1"),
        node("Relu", "c1", "r1"),
        conv("r1", "c2", "w2", "b2"),
        node("Relu", "c2", "r2"),
        node("Flatten", "r2", "flat"),
        node("ReduceMean", "flat axes", "out", keepdims=0),
    ]
    proto = proto_of(nodes, weights)
    proto.graph.initializer.append(numpy_helper.from_array(np.array([1]), "axes"))
    (path / "ann.onnx").write_bytes(proto.SerializeToString())
    x = np.random.default_rng(0).random((24, 3, 6, 6), np.float32)
    np.savez(path / "data.npz", x=x, y=np.zeros(24, np.int64))
    return path


def assert_runs_the_same(model: Model, path: Path, x: torch.Tensor) -> None:
    """The file computes in onnxruntime, and loaded again, what the model does; the last axis is the batch's."""
    snnconv.save(model, path)
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    outputs = model(x)
    ours = outputs if isinstance(outputs, tuple) else (outputs,)
    loaded = snnconv.load(path)(x)
    again = loaded if isinstance(loaded, tuple) else (loaded,)
    for mine, runtime, other in zip(ours, session.run(None, {"input": x.numpy()}), again, strict=True):
        assert mine.shape[-1] == len(x)
        np.testing.assert_allclose(runtime, mine.numpy(), atol=RUNTIME * float(mine.abs().max()))
        torch.testing.assert_close(other, mine, rtol=0, atol=RUNTIME * float(mine.abs().max()))


@pytest.mark.parametrize("calibration", ["max", "bias", "reconstruct"])
@pytest.mark.parametrize("coupling", ["mean", "causal"])
def test_convert_save_and_evaluate(coupling: str, calibration: str, folder: Path) -> None:
    ann, x = snnconv.load(folder / "ann.onnx"), torch.from_numpy(np.load(folder / "data.npz")["x"])
    assert ann(x).shape == (24,)
    assert_runs_the_same(ann, folder / "again.onnx", x)
    snn = snnconv.convert(ann, timesteps=4, levels=8, coupling=coupling, calibration_data=x, calibration=calibration)
    assert [output.shape for output in snn(x)] == [(24,), (4, 24)]
    if coupling == "mean":
        torch.testing.assert_close(snn.logits(x), ann(x), rtol=0, atol=0.05 * float(ann(x).abs().max()))
    path = folder / f"{coupling}-{calibration}.onnx"
    assert_runs_the_same(snn, path, x)
    data = f"npz:{folder / 'data.npz'}"
    for simulate in (False, True):
        evaluation = snnconv.evaluate(path, data, against=ann, simulate=simulate)
        assert evaluation.accuracy is evaluation.agreement is None  # one number names no class
        (error,) = evaluation.output_errors
        wanted = ann(x).double()
        assert error.shape == ()
        assert error.largest_difference == pytest.approx(float((snn.logits(x) - wanted).abs().max()), rel=1e-3)
        assert 0.2 < error.relative_error < 0.6
        assert error.largest_difference < 0.01 * float(wanted.abs().max())
    (error,) = compare_file(path, snn, data).output_errors
    assert error.relative_error < 1e-3


def test_levels_are_chosen_and_images_are_made_up(folder: Path) -> None:
    x = torch.from_numpy(np.load(folder / "data.npz")["x"])
    chosen = snnconv.convert(folder / "ann.onnx", timesteps=4, total_levels="auto:4", calibration_data=x)
    assert chosen.report.precision is not None
    with pytest.warns(snnconv.errors.SnnconvWarning, match="No calibration data"):
        assert snnconv.convert(folder / "ann.onnx", timesteps=2)(x)[1].shape == (2, 24)


def test_files_of_8_bit_integers_and_reports(folder: Path) -> None:
    x = torch.from_numpy(np.load(folder / "data.npz")["x"])
    snn = snnconv.convert(folder / "ann.onnx", timesteps=4, calibration_data=x)
    data = f"npz:{folder / 'data.npz'}"
    for stepped in (False, True):
        save_int8(snn, folder / "int8.onnx", stepped=stepped)
        evaluation = snnconv.evaluate(folder / "int8.onnx", data, against=folder / "ann.onnx")
        assert evaluation.agreement is None
        (error,) = evaluation.output_errors
        assert error.largest_difference < 0.02 * float(snn.logits(x).abs().max())
    report = snnconv.report(snn, data, folder / "report.html", against=folder / "ann.onnx")
    (error,) = report.output_errors
    assert report.summary.relative_error == pytest.approx(100 * error.relative_error)
    assert "by a relative error of" in (folder / "report.html").read_text()


def test_training_needs_classes(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"The output has shape \[B\]; a classifier's is \[B, classes\]"):
        snnconv.train(folder / "ann.onnx", f"npz:{folder / 'data.npz'}")


def test_rows_of_an_output() -> None:
    assert rows_of(torch.zeros(5)).shape == (5, 1)
    assert rows_of(torch.zeros(5, 3)).shape == (5, 3)
    assert rows_of(torch.zeros(5, 3, 2, 1)).shape == (5, 6)
    assert rows_of(torch.zeros(0)).shape == (0, 1)
