"""The same evaluation in torch, in onnxruntime, and in 8-bit integers."""

from __future__ import annotations

from dataclasses import replace

import onnx
import pytest

from snnconv.errors import FileError, InvalidValueError, ModelError
from snnconv.evaluation import evaluate
from snnconv.formats.onnx import save_int8, to_int8
from snnconv.loading import load
from snnconv.neurons import Coupling
from snnconv.spiking.unrolling import spike


@pytest.mark.parametrize("kind", ["ann", "quantized", "mean", "causal"])
def test_onnxruntime_scores_as_torch_does(ann, quantized, images, kind):
    models = {"ann": ann, "quantized": quantized, "mean": spike(quantized, 4, 2)}
    model = models.get(kind) or spike(quantized, 4, 2, Coupling.CAUSAL)
    data = images(model.input, count=40)
    wanted = evaluate(model, data, against=ann, precision="float32").to_dict()
    found = evaluate(model, data, against=ann, backend="onnxruntime").to_dict()
    assert (wanted.pop("backend"), found.pop("backend")) == ("torch", "onnxruntime")
    ours, theirs = (values.pop("output_errors")[0] for values in (found, wanted))
    assert found == wanted
    assert ours["relative_error"] == pytest.approx(theirs["relative_error"], rel=1e-4, abs=1e-6)
    if kind == "causal":
        assert len(found["accuracy_at"]) == 4


def test_integers_score_the_collapsed_network(snn, ann, images):
    data = images(snn.input, count=40)
    found = evaluate(snn, data, against=ann, backend="onnxruntime-int8")
    assert (found.mode, found.precision, found.backend) == ("collapsed", "8-bit integers", "onnxruntime-int8")
    wanted = evaluate(snn, data, against=ann)
    assert found.agreement == pytest.approx(wanted.agreement, abs=10)
    assert found.sites == wanted.sites


@pytest.mark.parametrize("coupling", [Coupling.MEAN, Coupling.CAUSAL])
def test_integers_score_the_spiking_network_step_by_step(quantized, ann, images, coupling):
    model = spike(quantized, 4, 2, coupling)
    data = images(model.input, count=40)
    found = evaluate(model, data, against=ann, backend="onnxruntime-int8", simulate=True)
    assert (found.mode, found.precision, len(found.accuracy_at)) == ("simulated", "8-bit integers", 4)
    assert found.agreement == pytest.approx(evaluate(model, data, against=ann, simulate=True).agreement, abs=10)


@pytest.mark.parametrize("stepped", [False, True])
def test_a_file_of_integers(snn, ann, images, tmp_path, stepped):
    """It scores as the network that it was written from does with the same backend, without activity."""
    path = save_int8(snn, tmp_path / "net.onnx", stepped=stepped)
    data = images(snn.input, count=40)
    wanted = evaluate(snn, data, against=ann, backend="onnxruntime-int8", simulate=stepped, activity_images=0)
    found = evaluate(path, data, against=ann)
    assert found.output_errors[0].correlation == pytest.approx(wanted.output_errors[0].correlation, rel=1e-12)
    assert replace(found, output_errors=()) == replace(wanted, output_errors=())
    found = evaluate(path, data, against=ann, backend="onnxruntime-int8", batch_size=7, limit=40)
    (ours,), (theirs,) = found.output_errors, wanted.output_errors
    assert ours.relative_error == pytest.approx(theirs.relative_error, rel=1e-12)  # sums in another order
    assert replace(found, output_errors=()) == replace(wanted, output_errors=())
    with pytest.raises(FileError, match="name the file that it was exported from"):
        load(path)
    with pytest.raises(InvalidValueError, match="which onnxruntime runs, not torch"):
        evaluate(path, data, backend="torch")
    with pytest.raises(InvalidValueError, match="no precision to choose"):
        evaluate(path, data, precision="float32")
    if not stepped:
        with pytest.raises(InvalidValueError, match="--form stepped"):
            evaluate(path, data, simulate=True)


def test_a_quantized_file_of_integers(quantized, images, tmp_path):
    path = save_int8(quantized, tmp_path / "net.onnx")
    found = evaluate(path, images(quantized.input))
    assert (found.mode, found.timesteps, found.backend) == ("quantized", None, "onnxruntime-int8")


def test_a_damaged_file_of_integers(snn, images, tmp_path):
    proto = to_int8(snn)
    proto.metadata_props[0].value = proto.metadata_props[0].value.replace("collapsed", "folded")
    onnx.save(proto, tmp_path / "net.onnx")
    with pytest.raises(FileError, match="Export the network again"):
        evaluate(tmp_path / "net.onnx", images(snn.input))


def test_what_a_backend_cannot_do(snn, ann, images):
    data = images(snn.input)
    with pytest.raises(InvalidValueError, match="must be one of auto, torch, onnxruntime, onnxruntime-int8"):
        evaluate(snn, data, backend="tensorrt")
    with pytest.raises(InvalidValueError, match="float32"):
        evaluate(snn, data, backend="onnxruntime", precision="float64")
    with pytest.raises(ModelError, match="no levels"):
        evaluate(ann, data, backend="onnxruntime-int8")
