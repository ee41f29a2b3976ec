"""Outputs that name no classes: their errors, in the place of an arg-max."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from tiny_networks import build, classifier, node, quantize, weights

from snnconv.data.datasets import open_data
from snnconv.errors import DataError, ModelError
from snnconv.evaluation import compare_file, compare_hardware, evaluate
from snnconv.evaluation.differences import Differences
from snnconv.evaluation.nir import compare_nir
from snnconv.formats.hardware import to_hardware
from snnconv.formats.onnx import to_int8, to_onnx
from snnconv.neurons import Coupling
from snnconv.reporting import Grid, compare, report
from snnconv.spiking.unrolling import spike


def network(kind):
    """Conv-Relu-Conv-Relu-Conv whose output is a map, one number, or both with four classes before them."""
    arrays = {"w1": weights(4, 3, 3, 3), "w2": weights(2, 4, 1, 1, seed=1), "w3": weights(1, 2, seed=2)}
    arrays |= {"w4": weights(4, 2, seed=3), "w5": weights(4, 4, 3, 3, seed=4)}
    nodes = [
        node("Conv", ["input", "w1"], "conv1", pads=[1] * 4),
        node("Relu", ["conv1"], "relu1"),
        node("Conv", ["relu1", "w5"], "conv2", pads=[1] * 4),
        node("Relu", ["conv2"], "relu2"),
        node("Conv", ["relu2", "w2"], "map"),
        node("GlobalAveragePool", ["map"], "averaged"),
        node("Flatten", ["averaged"], "pooled"),
        node("Gemm", ["pooled", "w3"], "number", transB=1),
        node("Gemm", ["pooled", "w4"], "classes", transB=1),
    ]
    outputs = {"map": ("map",), "number": ("number",), "classes": ("classes",), "all": ("classes", "map", "number")}
    return build(nodes, arrays, (3, 6, 6), outputs=outputs[kind])


def reference(values, wanted):
    """Relative L2 error, centred over the samples, and the largest difference."""
    centred = wanted - wanted.mean(0)
    return math.sqrt(((values - wanted) ** 2).sum() / (centred**2).sum()), abs(values - wanted).max()


def test_errors_are_those_of_all_samples_at_once():
    random = np.random.default_rng(0)
    wanted = random.normal(1000, 0.01, (30, 2, 5))
    values = wanted + random.normal(0, 0.002, wanted.shape)
    differences = Differences(("out",), ((2, 5),))
    for part in (slice(0, 7), slice(7, 8), slice(8, 30)):
        differences.add([torch.from_numpy(values[part])], [torch.from_numpy(wanted[part])])
    (found,) = differences.errors()
    assert (found.relative_error, found.largest_difference) == pytest.approx(reference(values, wanted), rel=1e-6)


def test_an_output_that_never_changes_has_no_relative_error():
    differences = Differences(("out",), ((1,),))
    differences.add([torch.full((3, 1), 2.0)], [torch.full((3, 1), 1.5)])
    assert differences.errors()[0].to_dict() == {
        "name": "out",
        "shape": [1],
        "relative_error": None,
        "largest_difference": 0.5,
    }


@pytest.mark.parametrize(("kind", "names"), [("map", ["map"]), ("number", ["number"])])
@pytest.mark.parametrize("simulate", [False, True])
def test_evaluate_gives_errors_in_the_place_of_an_arg_max(kind, names, simulate, images):
    ann = network(kind)
    snn = spike(quantize(ann, 8, 2.0), 4)
    data = images(ann.input)
    found = evaluate(snn, data, against=ann, simulate=simulate, batch_size=7)
    assert (
        found.accuracy is found.agreement is found.against_accuracy is found.agreement_at is found.accuracy_at is None
    )
    assert [error.name for error in found.output_errors] == names
    x = torch.cat([x for x, _ in data.batches(20)])
    wanted = reference(snn.logits(x).double().numpy(), ann.logits(x).double().numpy())
    (error,) = found.output_errors
    assert (error.relative_error, error.largest_difference) == pytest.approx(wanted, rel=1e-4)
    values = found.to_dict()
    assert values["agreement"] is None
    assert json.loads(json.dumps(values["output_errors"]))[0]["shape"] == list(error.shape)
    assert evaluate(ann, data).output_errors == ()  # nothing to compare with


def test_of_several_outputs_each_has_its_error(images):
    ann = network("all")
    quantized, data = quantize(ann, 8, 2.0), images(ann.input)
    found = evaluate(quantized, data, against=ann)
    assert found.agreement is not None
    assert [error.name for error in found.output_errors] == ["classes", "map", "number"]
    x = torch.cat([x for x, _ in data.batches(20)])
    for error, ours, theirs in zip(found.output_errors, quantized(x), ann(x), strict=True):
        wanted = reference(ours.double().numpy(), theirs.double().numpy())
        assert (error.relative_error, error.largest_difference) == pytest.approx(wanted, rel=1e-4)


def test_classes_alone_have_no_errors(ann, quantized, images):
    assert "output_errors" not in evaluate(quantized, images(ann.input), against=ann).to_dict()


def test_networks_of_other_outputs_are_refused(images):
    ann = network("map")
    with pytest.raises(ModelError, match=r"shape \[2, 6, 6\].*\[1\]"):
        evaluate(ann, images(ann.input), against=network("number"))
    with pytest.raises(ModelError, match=r"shape \[2, 6, 6\].*\[4\]"):
        evaluate(ann, images(ann.input), against=network("classes"))


@pytest.mark.parametrize("kind", ["map", "number", "all"])
def test_written_files_are_compared_by_their_errors(kind, images):
    ann = network(kind)
    snn, spec = spike(quantize(ann, 8, 2.0), 4), images(ann.input).spec
    causal = spike(quantize(ann, 8, 2.0), 4, coupling=Coupling.CAUSAL)
    found = [
        compare_file(to_onnx(snn), snn, spec),
        compare_file(to_int8(snn, stepped=False), snn, spec),
        compare_hardware(to_hardware(snn), snn, spec),
    ]
    if kind != "map":
        found.append(compare_nir(causal, spec))
    for each, least, most in zip(found, (0, 1e-5, 1e-5, 1e-3), (1e-4, 0.1, 0.1, 2), strict=False):
        assert len(each.output_errors) == len(snn.outputs)
        for error in each.output_errors:
            assert least <= error.relative_error < most
        assert (each.agreement is None) is (kind != "all")
        assert each.to_dict()["output_errors"][0]["name"] == snn.outputs[0]


def test_pages_refuse_outputs_that_name_no_classes(images, tmp_path):
    ann = network("number")
    spec = images(ann.input).spec
    for run in (lambda page: report(ann, spec, page), lambda page: compare([ann], spec, page, against=ann)):
        with pytest.raises(ModelError, match=r"shape \[1\].*snnconv evaluate --against"):
            run(tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_data_of_which_some_have_labels_are_refused_everywhere(ann, snn, tmp_path):
    """Accuracy is of all samples or of none, whichever verb scores them."""
    from PIL import Image

    rows = []
    for at in range(4):
        pixels = np.random.default_rng(at).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{at}.png")
        rows.append(f"{at}.png,{at if at < 2 else ''}")
    (tmp_path / "some.csv").write_text("file,index\n" + "\n".join(rows) + "\n")
    spec = f"csv:{tmp_path / 'some.csv'}"
    assert sorted(open_data(spec, ann.input, purpose="eval").labels) == [-1, -1, 0, 1]
    causal = spike(quantize(classifier(), 8), 4, 2, Coupling.CAUSAL)
    verbs = [
        lambda: evaluate(ann, spec),
        lambda: compare([ann], spec, tmp_path / "page.html", grid=Grid()),
        lambda: report(ann, spec, tmp_path / "page.html"),
        lambda: compare_file(to_onnx(snn), snn, spec),
        lambda: compare_hardware(to_hardware(snn), snn, spec),
        lambda: compare_nir(causal, spec),
    ]
    for verb in verbs:
        with pytest.raises(DataError, match="2 of 4 images have no label"):
            verb()
