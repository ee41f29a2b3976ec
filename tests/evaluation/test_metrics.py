"""Metrics of one's own, and figures by name that a network or its data may not give."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from tiny_networks import build, node, quantize, weights

from snnconv.cli import main
from snnconv.cli.evaluate import METRICS
from snnconv.errors import DataError, InvalidValueError, ModelError
from snnconv.evaluation import evaluate
from snnconv.evaluation.figures import FIGURES, check_figures
from snnconv.formats.onnx import save
from snnconv.spiking.unrolling import spike


def detector():
    """Conv-Relu-Conv whose output is a map of two channels, and its mean."""
    nodes = [
        node("Conv", ["input", "w1"], "conv1", pads=[1] * 4),
        node("Relu", ["conv1"], "relu1"),
        node("Conv", ["relu1", "w2"], "map"),
        node("GlobalAveragePool", ["map"], "mean"),
    ]
    arrays = {"w1": weights(4, 3, 3, 3), "w2": weights(2, 4, 1, 1, seed=1)}
    return build(nodes, arrays, (3, 6, 6), outputs=("map", "mean"))


def test_a_metric_sees_all_samples_of_both_networks(images):
    ann = detector()
    snn, data = spike(quantize(ann, 8, 2.0), 4), images(ann.input)
    seen = []

    def largest(outputs, labels):
        seen.append((outputs, labels))
        return outputs["map"].max()

    result = evaluate(
        snn, data, against=ann, metrics={"largest": largest, "labels": lambda _, labels: labels.sum()}, batch_size=7
    )
    x = torch.cat([x for x, _ in data.batches(20)])
    for (outputs, labels), (wanted, mean) in zip(seen, (snn(x)[:2], ann(x)), strict=True):
        np.testing.assert_allclose(outputs["map"], wanted, atol=1e-5)
        np.testing.assert_allclose(outputs["mean"], mean, atol=1e-5)
        assert outputs["map"].dtype == np.float32
        np.testing.assert_array_equal(labels, np.arange(20) % 4)
    assert result.metrics == {"largest": pytest.approx(float(snn(x)[0].max()), rel=1e-5), "labels": 30}
    assert result.against_metrics == {"largest": pytest.approx(float(ann(x)[0].max()), rel=1e-5), "labels": 30}
    facts = json.loads(json.dumps(result.to_dict()))
    assert facts["metrics"]["largest"] == result.metrics["largest"]
    assert facts["against_metrics"]["labels"] == 30


def test_a_metric_of_a_network_alone_and_without_labels(ann, images):
    data = images(ann.input, labels=False)
    result = evaluate(ann, data, metrics={"none": lambda _, labels: labels is None, "nan": lambda *_: np.nan}, limit=5)
    assert result.metrics["none"] == 1
    assert result.against_metrics == {}
    assert result.to_dict()["metrics"] == {"none": 1, "nan": None}
    assert result.to_dict()["against_metrics"] is None
    assert "metrics" not in evaluate(ann, data).to_dict()


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        (lambda *_: 1, r"metrics is a function: give functions by name"),
        ({"ap50": 3}, r"'ap50': int; allowed are names and functions"),
        ({"": len}, r"'': builtin"),
        ({"ap50": lambda *_: None}, r"'ap50' returned a NoneType: it must return one number"),
        ({"ap50": lambda *_: np.zeros(3)}, r"'ap50' returned a ndarray"),
    ],
)
def test_metrics_that_are_none_are_refused(ann, images, metrics, message):
    with pytest.raises(InvalidValueError, match=message):
        evaluate(ann, images(ann.input), metrics=metrics)


def test_figures_that_do_not_fit_are_refused(ann, images):
    labelled, unlabelled = (images(ann.input, labels=labels) for labels in (True, False))
    for name in ("accuracy", "agreement"):
        with pytest.raises(ModelError, match=rf"metric {name} does not fit .*\[85, 22, 22\].*relative-error"):
            check_figures([name], (85, 22, 22), images=labelled, has_reference=True)
    with pytest.raises(DataError, match="accuracy needs labels"):
        check_figures(["accuracy"], (10,), images=unlabelled, has_reference=True)
    for name in ("agreement", "relative-error", "correlation"):
        with pytest.raises(InvalidValueError, match=f"{name} compares.*--against"):
            check_figures([name], (10,), images=labelled, has_reference=False)
    with pytest.raises(InvalidValueError, match=r"'mse' is no metric.*accuracy, agreement"):
        check_figures(["mse"], (10,), images=labelled, has_reference=True)
    check_figures(FIGURES, (10,), images=labelled, has_reference=True)
    check_figures(["relative-error", "correlation"], (85, 22, 22), images=unlabelled, has_reference=True)


def test_figures_by_name_on_the_command_line(images, tmp_path, capsys):
    assert METRICS == FIGURES
    ann = detector()
    save(ann, tmp_path / "ann.onnx")
    save(quantize(ann, 8, 2.0), tmp_path / "quantized.onnx")
    words = ["evaluate", str(tmp_path / "quantized.onnx"), "--data", images(ann.input).spec, "--metric"]
    with pytest.raises(SystemExit) as refused:
        main([*words, "accuracy", "--against", str(tmp_path / "ann.onnx")])
    assert refused.value.code == 2
    streams = capsys.readouterr()
    assert "accuracy does not fit the first output, of shape [2, 6, 6]" in streams.err
    assert not streams.out
    main([*words, "relative-error", "--metric", "correlation", "--against", str(tmp_path / "ann.onnx")])
    printed = capsys.readouterr().out
    for row in ("relative error of map", "relative error of mean", "correlation of map"):
        assert row in printed
    assert "energy" not in printed


def test_conversions_name_no_class_where_there_is_none(images, tmp_path, capsys):
    ann = detector()
    data, path = images(ann.input), tmp_path / "ann.onnx"
    save(ann, path)
    for coupling in ("mean", "causal", "differential"):
        words = ["convert", str(path), "--coupling", coupling, "-T", "4", "--calibration-data", data.spec]
        main([*words, "-o", str(tmp_path / f"{coupling}.onnx")])
        printed = capsys.readouterr().out
        assert "Verified in double precision" in printed
        assert "the class of" not in printed
        main([*words, "-o", str(tmp_path / f"{coupling}.onnx"), "--json"])
        assert json.loads(capsys.readouterr().out)["verification"]["agreement"] is None
