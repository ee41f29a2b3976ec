"""The whole road by the command line alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from snnconv.finetune import TrainSettings


def test_train_convert_evaluate(run: Callable[..., Any], here: Path) -> None:
    trained = run("train", "--model", "zoo:small-cnn", "--data", "digits[:300]", "--epochs", 1, "-N", 8, "--json").json
    assert trained["output"] == "small-cnn-qcfs.onnx"
    assert trained["settings"]["total_levels"] == 8

    converted = run("convert", "small-cnn-qcfs.onnx", "-T", 4, "-o", "snn.onnx", "--json")
    assert converted.err == ""
    assert (converted.json["timesteps"], converted.json["levels"]) == (4, 2)
    assert converted.json["calibration_images"] == 0

    command = ("evaluate", "snn.onnx", "--data", "digits", "--against", "small-cnn-qcfs.onnx", "--json")
    collapsed, simulated = run(*command).json, run(*command, "--simulate").json
    assert collapsed["mode"] == "collapsed"
    assert simulated["mode"] == "simulated"
    assert collapsed["agreement"] == simulated["agreement"] == 100
    assert collapsed["accuracy"] == simulated["accuracy"] == simulated["accuracy_at"][-1]
    assert len(simulated["accuracy_at"]) == 4


def test_demo(run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("snnconv.demo.demo_settings", lambda: TrainSettings(epochs=2, batch_size=64))
    ran = run("demo", "--json")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "digits-ann.onnx",
        "digits-report.html",
        "digits-report.json",
        "digits-snn.onnx",
    ]
    rows = {row["network"]: row for row in ran.json["rows"]}
    assert len(rows) == 4
    assert all(row["agreement"] > 99 for row in rows.values())
    assert ran.json["ann_file"] == "digits-ann.onnx"
    assert run("evaluate", "digits-snn.onnx", "--data", "digits[:10]").code == 0
