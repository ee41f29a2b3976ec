"""Outputs that name no classes: their errors, in the place of an arg-max."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from tiny_networks import build, classifier, node, quantize, weights

from snnconv.data.datasets import open_data
from snnconv.errors import DataError, InvalidValueError, ModelError
from snnconv.evaluation import compare_file, compare_hardware, evaluate
from snnconv.evaluation.differences import Differences
from snnconv.evaluation.nir import compare_nir
from snnconv.formats.hardware import to_hardware
from snnconv.formats.onnx import to_int8, to_onnx
from snnconv.neurons import Coupling
from snnconv.reporting import Grid, compare, report
from snnconv.runtime.runnable import Outputs
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
    """Relative L2 error and correlation, centred over the samples, and the largest difference."""
    centred, ours = wanted - wanted.mean(0), values - values.mean(0)
    relative = math.sqrt(((values - wanted) ** 2).sum() / (centred**2).sum())
    return relative, np.corrcoef(ours.ravel(), centred.ravel())[0, 1], abs(values - wanted).max()


def figures(error):
    return error.relative_error, error.correlation, error.largest_difference


def differences_of(values, wanted, size, steps=None):
    """The error of one output in batches of a size."""
    differences = Differences(("out",), (wanted.shape[1:],))
    for part in (slice(start, start + size) for start in range(0, len(wanted), size)):
        at = None if steps is None else (torch.from_numpy(steps[:, part]),)
        differences.add(Outputs((torch.from_numpy(values[part]),), at), [torch.from_numpy(wanted[part])])
    return differences.errors()[0]


@pytest.mark.parametrize("size", [1, 7, 30])
@pytest.mark.parametrize("first", [0.0, 1e6])
def test_errors_are_those_of_all_samples_at_once(size, first):
    """Outputs that vary by a hundred-thousandth of their size, and a first sample far from all others."""
    random = np.random.default_rng(0)
    wanted = random.normal(1000, 0.01, (30, 2, 5))
    wanted[0] += first
    values = wanted * 1.01 + 3 + random.normal(0, 0.002, wanted.shape)
    error = differences_of(values, wanted, size)
    assert figures(error) == pytest.approx(reference(values, wanted), rel=1e-9)
    assert first or error.correlation < 0.999


def test_a_shift_and_a_scale_leave_the_correlation():
    wanted = np.random.default_rng(0).normal(size=(20, 3))
    error = differences_of(-2 * wanted + 5, wanted, 6)
    assert error.correlation == pytest.approx(-1, abs=1e-12)
    assert error.relative_error > 3


def test_errors_after_each_step_are_those_of_the_mean_of_the_steps():
    random = np.random.default_rng(0)
    wanted, steps = random.normal(size=(9, 4)), random.normal(size=(3, 9, 4))
    at = differences_of(steps.mean(0), wanted, 4, steps).relative_error_at
    assert at == pytest.approx([reference(steps[:t].mean(0), wanted)[0] for t in (1, 2, 3)], rel=1e-9)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_an_output_that_never_changes_has_no_relative_error(kind):
    """Also where rounding moves its last bit."""
    wanted = np.full((3, 1), 1.5, kind)
    wanted[1] = np.nextafter(wanted[1], kind(2))
    assert differences_of(np.full((3, 1), 2.0, kind), wanted, 2).to_dict() == {
        "name": "out",
        "shape": [1],
        "relative_error": None,
        "correlation": None,
        "largest_difference": 0.5,
        "relative_error_at": None,
    }


def test_numbers_that_are_not_finite_are_null():
    wanted = np.arange(6.0).reshape(3, 2)
    values = wanted.copy()
    values[1, 0] = np.inf
    facts = differences_of(values, wanted, 3, np.stack([wanted, values])).to_dict()
    assert (facts["relative_error"], facts["correlation"], facts["largest_difference"]) == (None, None, None)
    assert facts["relative_error_at"][0] == 0
    assert facts["relative_error_at"][1] is None
    json.dumps(facts, allow_nan=False)


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
    assert figures(error) == pytest.approx(wanted, rel=1e-4)
    if simulate:
        assert len(error.relative_error_at) == 4
        assert error.relative_error_at[-1] == pytest.approx(error.relative_error, rel=1e-9)
    else:
        assert error.relative_error_at is None
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
        assert figures(error) == pytest.approx(wanted, rel=1e-4)


def test_logits_have_errors_too(ann, quantized, images):
    data = images(ann.input)
    found = evaluate(quantized, data, against=ann)
    assert found.agreement is not None
    x = torch.cat([x for x, _ in data.batches(20)])
    wanted = reference(quantized.logits(x).double().numpy(), ann.logits(x).double().numpy())
    assert figures(found.output_errors[0]) == pytest.approx(wanted, rel=1e-4)
    assert found.to_dict()["output_errors"][0]["relative_error"] == found.output_errors[0].relative_error
    assert "output_errors" not in evaluate(quantized, data).to_dict()


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


@pytest.mark.parametrize("kind", ["map", "number", "classes"])
def test_networks_are_compared_by_relative_error(kind, images, tmp_path):
    """Fewer levels are further from the reference, and cheaper; of a network that streams the error has a course."""
    ann, page = network(kind), tmp_path / "page.html"
    data = images(ann.input)
    quantized = quantize(ann, 8, 2.0)
    networks = [quantize(ann, 2, 2.0), spike(quantized, 4, coupling=Coupling.CAUSAL), spike(quantized, 4)]
    numbers = compare(networks, data, page, against=ann, score=None if kind != "classes" else "relative-error")
    assert numbers.score == "relative_error"
    for contender, model in zip(numbers.contenders, networks, strict=True):
        (error,) = evaluate(model, data, against=ann).output_errors
        assert contender.relative_error == pytest.approx(100 * error.relative_error, rel=1e-9)
        assert contender.correlation == pytest.approx(error.correlation, rel=1e-9)
    errors = [contender.relative_error for contender in numbers.contenders]
    assert numbers.lead.best == 1 + int(np.argmin(errors))
    assert numbers.lead.points == pytest.approx(sorted(errors)[1] - min(errors))
    assert numbers.lead.standard_error is None
    course = numbers.contenders[1].score_at
    assert len(course) == 4
    assert course[-1] == pytest.approx(errors[1], rel=1e-9)
    assert numbers.contenders[numbers.lead.best - 1].on_energy_front
    text = page.read_text()
    assert "By relative error on 20 images network" in text
    assert ("same class" in text) is (kind == "classes")
    assert json.loads(page.with_suffix(".json").read_text())["contenders"][0]["relative_error"] == errors[0]


@pytest.mark.parametrize("kind", ["map", "all"])
def test_reports_of_outputs_that_name_no_classes(kind, images, tmp_path):
    """The page has the errors of each output, and the course of the first one's under each coupling."""
    ann, page = network(kind), tmp_path / "page.html"
    data, snn = images(ann.input), spike(quantize(ann, 8, 2.0), 4)
    numbers = report(snn, data, page, against=ann)
    wanted = evaluate(snn, data, against=ann, simulate=True).output_errors
    assert [error.name for error in numbers.output_errors] == [error.name for error in wanted]
    for ours, theirs in zip(numbers.output_errors, wanted, strict=True):
        assert figures(ours) == pytest.approx(figures(theirs), rel=1e-6)
    assert numbers.summary.relative_error == pytest.approx(100 * wanted[0].relative_error, rel=1e-6)
    assert numbers.curves[0].relative_error_at[-1] == pytest.approx(numbers.summary.relative_error, rel=1e-9)
    assert len({curve.relative_error_at for curve in numbers.curves}) == 3
    text = page.read_text()
    assert all(f"<td>{error.name}</td>" in text or f">{error.name}<" in text for error in wanted)
    assert ("Error against time" in text) is (kind == "map")
    assert ("by a relative error of" in text) is (kind == "map")
    assert ("to look at" in text) is (kind == "all")
    facts = json.loads(page.with_suffix(".json").read_text())
    assert facts["output_errors"][0]["relative_error"] == numbers.output_errors[0].relative_error


def test_a_report_without_classes_and_without_another_network(images, tmp_path):
    ann, page = network("number"), tmp_path / "page.html"
    numbers = report(spike(quantize(ann, 8, 2.0), 4), images(ann.input), page)
    assert numbers.output_errors == numbers.disagreeing == numbers.slowest == ()
    assert numbers.sites
    text = page.read_text()
    assert "nothing says how good it is" in text
    assert 'id="time"' not in text


def test_comparisons_without_their_score_are_refused(images, tmp_path):
    ann, page = network("map"), tmp_path / "page.html"
    data = images(ann.input)
    with pytest.raises(ModelError, match=r"shape \[2, 6, 6\].*names no classes.*--against"):
        compare([ann], data, page)
    with pytest.raises(ModelError, match="accuracy does not fit"):
        compare([ann], data, page, against=ann, score="accuracy")
    with pytest.raises(InvalidValueError, match="one of accuracy, agreement, relative-error"):
        compare([ann], data, page, against=ann, score="correlation")
    with pytest.raises(InvalidValueError, match="relative-error compares with another network"):
        compare([network("classes")], data, page, score="relative-error")
    with pytest.raises(DataError, match="the same for all samples"):
        compare([ann], data, page, against=ann, limit=1)
    assert not page.exists()


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
