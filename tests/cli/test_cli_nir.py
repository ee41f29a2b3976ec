"""`snnconv export --to nir`, and verbs that take NIR files."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace

import nir
import numpy as np
import pytest

CALIBRATED = ("--calibration-data", "npz:data.npz", "--mean", "0", "--std", "1")


@pytest.fixture
def causal(run, here):
    assert run("convert", "net.onnx", "--coupling", "causal", "-T", 2, "-L", 2, *CALIBRATED).code == 0
    return "net-snn.onnx"


def test_export_and_back(run, here, causal):
    ran = run("export", causal, "--to", "nir", "--data", "npz:data.npz", "--json")
    assert ran.code == 0, ran.err
    found = ran.json
    assert (found["file"], found["timesteps"], found["exact_reset"]) == ("net-snn.nir", 4, False)
    assert found["comparison"]["images"] == 20
    assert found["bytes"] == (here / "net-snn.nir").stat().st_size
    graph = nir.read(here / "net-snn.nir")
    assert found["nodes"] == len(graph.nodes)
    again = run("evaluate", "net-snn.nir", "--data", "npz:data.npz", "--json", "--against", causal).json
    assert (again["timesteps"], again["levels"], again["coupling"]) == (4, 1, "causal")
    assert again["accuracy"] == found["comparison"]["accuracy"]
    assert again["agreement"] == found["comparison"]["agreement"]
    assert "LIF" not in found["kinds"]
    shown = run("inspect", "net-snn.nir")
    assert shown.code == 0, shown.err


def test_exact_reset(run, here, causal):
    ran = run("export", causal, "--to", "nir", "--exact-reset", "-o", "exact.nir")
    assert ran.code == 0, ran.err
    assert "Delay" in ran.out
    kinds = {type(node).__name__ for node in nir.read(here / "exact.nir").nodes.values()}
    assert {"I", "Threshold", "Scale", "Delay"} <= kinds
    assert "IF" not in kinds
    again = run("evaluate", "exact.nir", "--data", "npz:data.npz", "--against", causal, "--json").json
    assert (again["timesteps"], again["levels"], again["coupling"]) == (4, 1, "causal")


@pytest.mark.parametrize("words", [(), ("--exact-reset",), ("--unit-thresholds",)])
def test_what_is_compared_is_what_is_written(run, here, causal, words, monkeypatch):
    """A file that is wrong by the option alone must show it."""
    from snnconv.formats.nir import forms

    right = run("export", causal, "--to", "nir", *words, "--data", "npz:data.npz", "--json").json["comparison"]
    file = run("evaluate", "net-snn.nir", "--data", "npz:data.npz", "--against", causal, "--json").json
    assert (file["accuracy"], file["agreement"]) == (right["accuracy"], right["agreement"])
    spoilt = {"--exact-reset": "loop", "--unit-thresholds": "in_thresholds"}
    for word in words:
        monkeypatch.setattr(forms, "neurons_of", _spoilt(spoilt[word]))
        wrong = run("export", causal, "--to", "nir", *words, "--data", "npz:data.npz", "--json").json["comparison"]
        assert wrong["agreement"] < right["agreement"]


def _spoilt(method):
    """Neurons that never fire where they are written by one method."""
    from snnconv.formats.nir.neurons import Neurons, neurons_of

    def spoilt(site, shape):
        neurons = neurons_of(site, shape)
        silent = replace(neurons, threshold=neurons.threshold * 1e6, initial=neurons.initial * 0)
        return type("Spoilt", (Neurons,), {method: lambda self, *given: getattr(silent, method)(*given)})(
            **{each.name: getattr(neurons, each.name) for each in fields(neurons)}
        )

    return spoilt


def test_bad_input(run, refused, here, causal):
    assert run("convert", "net.onnx", *CALIBRATED, "-o", "mean.onnx").code == 0
    assert "convert with --coupling causal" in refused("export", "mean.onnx", "--to", "nir")
    assert "convert it first" in refused("export", "net.onnx", "--to", "nir")
    assert "--int8" in refused("export", causal, "--to", "nir", "--int8")
    assert "--exact-reset" in refused("export", causal, "--exact-reset")
    assert "chosen of a NIR file" in refused("evaluate", causal, "--data", "npz:data.npz", "--reset", "zero")


def test_a_network_of_others(run, refused, here):
    random = np.random.default_rng(0)
    shape = np.array([2, 6, 8])
    nodes = {
        "a&b": nir.Input(shape),
        "<script>": nir.Flatten(shape, 0, -1),
        "fc": nir.Linear(random.normal(size=(3, 96)).astype(np.float32)),
        "lif": nir.LIF(*(np.full(3, value, np.float32) for value in (5e-3, 1.0, 0.0, 0.1))),
        "y": nir.Output(np.array([3])),
    }
    graph = nir.NIRGraph(nodes, [("a&b", "<script>"), ("<script>", "fc"), ("fc", "lif"), ("lif", "y")])
    nir.write(here / "lif.nir", graph)
    events = random.integers(0, [8, 6, 2], (600, 3))
    times = np.sort(random.integers(0, 20_000, 600))
    offsets = np.array([0, 200, 400, 600])
    times = np.concatenate([np.sort(times[a:b] - times[a]) for a, b in itertools.pairwise(offsets)])
    np.savez(here / "events.npz", test_xyp=events, test_t_us=times, test_offset=offsets, test_label=[0, 1, 2])
    words = ("evaluate", "lif.nir", "--data", "events:events.npz", "--timesteps", 6, "--json")
    assert "give --dt SECONDS" in refused(*words)
    ran = run(*words, "--dt", 0.001)
    assert ran.code == 0, ran.err
    assert (ran.json["images"], ran.json["timesteps"]) == (3, 6)
    assert "give --timesteps N" in refused("evaluate", "lif.nir", "--data", "events:events.npz")
    assert "still images" in refused(*words, "--dt", 0.001, "--still")
    assert run("inspect", "lif.nir", "-T", 6, "--dt", 0.001).code == 0
