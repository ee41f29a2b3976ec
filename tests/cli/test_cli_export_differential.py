"""Networks of differential coupling and `snnconv export`: what is written, and what is refused with what to do."""

from __future__ import annotations

import json

import pytest
import torch

from snnconv.formats.onnx import save
from snnconv.loading import load
from snnconv.neurons import BipolarMultiThreshold, Code, SigmaDelta
from snnconv.spiking.plan import prepare
from snnconv.spiking.unrolling import unroll

T = 4


@pytest.fixture(params=list(Code))
def snn(request, here):
    """The network of the folder with neurons of a code, as a file."""
    model = load(here / "net.onnx")
    model.input = model.input.override(mean=(0.0,), std=(1.0,))

    def neuron(*_):
        if request.param is Code.UNIFORM:
            return BipolarMultiThreshold(torch.tensor(1.5), T, 4)
        return SigmaDelta(torch.tensor(1.0), T, 8)

    save(unroll(prepare(model), neuron), here / "snn.onnx")
    return "snn.onnx"


def test_what_is_written(run, here, snn):
    for place, *words in (
        ("folder", "--to", "hardware", "--weight-bits", "12"),
        ("step.onnx", "--form", "single-step"),
        ("stepped.onnx", "--form", "stepped"),
    ):
        ran = run("export", snn, *words, "-o", place, "--data", "npz:data.npz", "--json")
        assert ran.code == 0, ran.err
        assert ran.json["comparison"]["images"] == 20
        assert ran.json["comparison"]["agreement"] >= 95
        assert (here / place).exists()
    graph = json.loads((here / "folder" / "graph.json").read_text())
    assert (graph["coupling"], graph["answer"], graph["passes"]) == ("differential", "last", T)
    assert "differential" in (here / "folder" / "README.txt").read_text()


@pytest.mark.parametrize("words", [("--to", "nir"), ("--int8",), ("--int8", "--form", "stepped")])
def test_what_has_no_such_form_is_refused_with_what_to_do(refused, here, snn, words):
    before = sorted(path.name for path in here.iterdir())
    message = refused("export", snn, *words)
    assert "back" in message or "both signs" in message
    assert "--coupling causal" in message
    assert "--to hardware" in message
    assert sorted(path.name for path in here.iterdir()) == before


def test_what_equals_no_quantized_network(run, here):
    model = load(here / "net.onnx")
    save(unroll(prepare(model), lambda *_: SigmaDelta(torch.tensor(1.0), T, 8)), here / "snn.onnx")
    for words in (("--form", "collapsed"), ("--form", "collapsed", "--int8")):
        ran = run("export", "snn.onnx", *words)
        assert ran.code == 2
        assert "no quantized network equals them" in ran.err
        assert sorted(path.name for path in here.iterdir() if "collapsed" in path.name or "int8" in path.name) == []


def test_a_step_of_it_is_no_network(refused, run, snn):
    assert run("export", snn, "--form", "single-step", "-o", "step.onnx").code == 0
    for words in (("convert",), ("export",), ("inspect",)):
        assert "one step of a spiking network" in refused(*words, "step.onnx")
