"""The same evaluation in torch, in onnxruntime, and in 8-bit integers."""

from __future__ import annotations

import pytest

from snnconv.convert.spike import spike
from snnconv.errors import InvalidValueError, ModelError
from snnconv.evaluate import evaluate
from snnconv.neurons import Coupling


@pytest.mark.parametrize("kind", ["ann", "quantized", "mean", "causal"])
def test_onnxruntime_scores_as_torch_does(ann, quantized, images, kind):
    models = {"ann": ann, "quantized": quantized, "mean": spike(quantized, 4, 2)}
    model = models.get(kind) or spike(quantized, 4, 2, Coupling.CAUSAL)
    data = images(model.input, count=40)
    wanted = evaluate(model, data, against=ann, precision="float32").to_dict()
    found = evaluate(model, data, against=ann, backend="onnxruntime").to_dict()
    assert (wanted.pop("backend"), found.pop("backend")) == ("torch", "onnxruntime")
    assert found == wanted
    if kind == "causal":
        assert len(found["accuracy_at"]) == 4


def test_integers_score_the_collapsed_network(snn, ann, images):
    data = images(snn.input, count=40)
    found = evaluate(snn, data, against=ann, backend="onnxruntime-int8")
    assert (found.mode, found.precision, found.backend) == ("collapsed", "8-bit integers", "onnxruntime-int8")
    wanted = evaluate(snn, data, against=ann)
    assert found.agreement == pytest.approx(wanted.agreement, abs=10)
    assert found.sites == wanted.sites


def test_what_a_backend_cannot_do(snn, ann, images):
    data = images(snn.input)
    with pytest.raises(InvalidValueError, match="must be one of torch, onnxruntime, onnxruntime-int8"):
        evaluate(snn, data, backend="tensorrt")
    with pytest.raises(InvalidValueError, match="float32"):
        evaluate(snn, data, backend="onnxruntime", precision="float64")
    with pytest.raises(InvalidValueError, match="Only one pass"):
        evaluate(snn, data, backend="onnxruntime-int8", simulate=True)
    with pytest.raises(ModelError, match="no levels"):
        evaluate(ann, data, backend="onnxruntime-int8")
