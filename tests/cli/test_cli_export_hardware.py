"""`snnconv export --to hardware`."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

CALIBRATED = ("--calibration-data", "npz:data.npz", "--mean", "0", "--std", "1")


@pytest.fixture
def snn(run, here):
    assert run("convert", "net.onnx", *CALIBRATED).code == 0
    return "net-snn.onnx"


@pytest.mark.parametrize("coupling", ["mean", "causal"])
def test_a_folder_beside_the_network(run, here, coupling):
    assert run("convert", "net.onnx", "--coupling", coupling, *CALIBRATED).code == 0
    ran = run("export", "net-snn.onnx", "--to", "hardware", "--data", "npz:data.npz", "--json")
    assert ran.code == 0, ran.err
    found = ran.json
    assert (found["folder"], found["format"], found["coupling"]) == ("net-snn-hardware", "hardware", coupling)
    assert (found["weight_bits"], found["comparison"]["images"]) == (8, 20)
    assert found["comparison"]["agreement"] >= 80
    graph = json.loads((here / "net-snn-hardware" / "graph.json").read_text())
    assert graph["measured"] == found["comparison"]
    assert len(graph["layers"]) == found["layers"]
    readme = (here / "net-snn-hardware" / "README.txt").read_text()
    assert f"accuracy {found['comparison']['accuracy']:.2f} %" in readme
    assert len(os.listdir(here / "net-snn-hardware")) == found["files"]


def test_what_is_printed(run, here, snn):
    ran = run(
        "export", snn, "--to", "hardware", "--weight-bits", 4, "-o", "out", "--data", "npz:plain.npz", "--limit", 8
    )
    assert ran.code == 0, ran.err
    assert "The integers beside FILE" in ran.out
    assert "same arg-max" in ran.out
    assert "accuracy" not in ran.out
    assert "Wrote out: " in ran.out
    assert "weights of 4 bits" in ran.out
    weights = np.load(here / "out" / "001_conv1_weights.npy")
    assert weights.dtype == np.int8
    assert abs(weights).max() == 7
    again = run("export", snn, "--to", "hardware", "-o", "out")  # over the earlier one
    assert again.code == 0, again.err
    assert json.loads((here / "out" / "graph.json").read_text())["measured"] is None


def test_options_of_other_targets_are_refused_by_name(refused, snn):
    assert "--form: of --to onnx, not of --to hardware" in refused(
        "export", snn, "--to", "hardware", "--form", "collapsed"
    )
    assert "--int8: of --to onnx" in refused("export", snn, "--to", "hardware", "--int8")
    assert "--weight-bits: of --to hardware, not of --to onnx" in refused("export", snn, "--weight-bits", 8)


def test_bad_input(run, refused, here, snn):
    assert "convert it" in refused("export", "net.onnx", "--to", "hardware")
    assert "give --data" in refused("export", snn, "--to", "hardware", "--limit", "3")
    (here / "full").mkdir()
    (here / "full" / "notes.txt").write_text("mine")
    assert "something other than an earlier hardware export" in refused("export", snn, "--to", "hardware", "-o", "full")
    assert "no folder" in refused("export", snn, "--to", "hardware", "-o", "net.onnx")
    assert run("export", snn, "--to", "hardware", "--weight-bits", 1).code == 2
    assert run("export", snn, "-o", "full").code == 2
