"""Every verb takes a network and data in every form, and refuses the rest in words."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from data_forms import LABELLED, X, Y
from graph_cases import CASES, plain, quantize
from torch import nn

import snnconv
from snnconv.errors import DataError, InvalidValueError, ModelError, SnnconvError
from snnconv.finetune import FinetuneSettings, TrainSettings, spiking_network
from snnconv.model import InputSpec
from snnconv.neurons import NeuronSettings
from snnconv.spiking.unrolling import spike


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 5))

    def forward(self, x):
        return self.layers(x)


@pytest.fixture(scope="module")
def forms(tmp_path_factory):
    """One network in every form, and a file of its spiking network."""
    folder = tmp_path_factory.mktemp("forms")
    ann = snnconv.load_module(Net(), (3, 6, 6))
    snnconv.save(ann, folder / "net.onnx")
    with pytest.warns(snnconv.SnnconvWarning):
        snn = snnconv.convert(ann, timesteps=2, levels=4, calibration_data=X[:8])
    snnconv.save(snn, folder / "snn.onnx")
    return {"model": ann, "module": Net(), "path": folder / "net.onnx", "text": str(folder / "net.onnx"), "snn": snn}


NETWORKS = ["model", "module", "path", "text"]
DATA = ["tensors", "arrays", "dataset", "loader", "stream"]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("form", DATA)
def test_evaluate(forms, network, form):
    result = snnconv.evaluate(forms["snn"], LABELLED[form](), against=forms[network], activity_images=4)
    expected = snnconv.evaluate(forms["snn"], (X, Y), against=forms["model"], activity_images=4)
    assert (result.images, result.accuracy, result.agreement) == (24, expected.accuracy, expected.agreement)
    plain_result = snnconv.evaluate(forms[network], LABELLED[form](), limit=20)
    assert plain_result.images == 20
    assert plain_result.accuracy == snnconv.evaluate(forms["model"], (X[:20], Y[:20])).accuracy


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("form", DATA)
def test_convert(forms, network, form):
    snn = snnconv.convert(forms[network], timesteps=2, levels=4, calibration_data=LABELLED[form]())
    assert isinstance(snn, snnconv.SNN)
    assert snn.report.calibration_images == 24
    expected = snnconv.convert(forms["model"], timesteps=2, levels=4, calibration_data=X)
    torch.testing.assert_close(snn.logits(X), expected.logits(X))


@pytest.mark.parametrize(("form", "network"), list(zip(DATA, [*NETWORKS, "module"], strict=True)))
def test_train_and_finetune(forms, form, network):
    settings = TrainSettings(epochs=1, batch_size=8, total_levels=4)
    trained = snnconv.train(
        forms[network], LABELLED[form](), settings, eval_data=LABELLED[form](), teacher=forms[network]
    )
    assert isinstance(trained, snnconv.QuantizedANN)
    assert trained.provenance["finetune"]["images"] == 24
    student = spiking_network(forms["model"], NeuronSettings("mht", timesteps=2, levels=2))
    tuned = snnconv.finetune(
        student,
        LABELLED[form](),
        FinetuneSettings(epochs=1, batch_size=8),
        eval_data=LABELLED[form](),
        teacher=forms[network],
    )
    assert isinstance(tuned, snnconv.SNN)
    assert "eval_accuracy" in str(tuned.provenance["finetune"]["metrics"])


def test_train_a_network_by_its_name():
    trained = snnconv.train("zoo:small-cnn", (torch.randn(16, 1, 8, 8), torch.arange(16) % 4), TrainSettings(epochs=1))
    assert trained.input.sample_shape() == (1, 8, 8)
    with pytest.raises(DataError, match="The samples are flat, of 8 values each, and zoo:small-cnn takes images"):
        snnconv.train("zoo:small-cnn", (torch.randn(16, 8), torch.arange(16) % 4), TrainSettings(epochs=1))


@pytest.mark.parametrize(("form", "network"), list(zip(DATA, [*NETWORKS, "module"], strict=True)))
def test_report_and_compare(forms, form, network, tmp_path):
    numbers = snnconv.report(forms["snn"], LABELLED[form](), tmp_path / "report.html", against=forms[network])
    assert numbers.summary.accuracy is not None
    assert numbers.summary.images == 24
    comparison = snnconv.compare(
        [forms["snn"], forms[network]], LABELLED[form](), tmp_path / "compare.html", against=forms[network]
    )
    assert [contender.stage for contender in comparison.contenders] == ["snn", "ann"]
    assert comparison.contenders[1].agreement == 100
    assert {path.name for path in tmp_path.iterdir()} == {
        "report.html",
        "report.json",
        "compare.html",
        "compare.json",
    }


def test_compare_takes_several(forms):
    for one in (forms["text"], nn.Sequential(nn.ReLU()), forms["model"]):
        with pytest.raises(InvalidValueError, match="give a list of one or more"):
            snnconv.compare(one, X)


@pytest.mark.parametrize("network", NETWORKS)
def test_inspect(forms, network):
    if network != "module":
        assert snnconv.inspect(forms[network], "causal").plan.convertible
    else:
        with pytest.raises(InvalidValueError, match="size=N"):
            snnconv.inspect(forms[network])
    with pytest.raises(InvalidValueError, match="it must be 'mean', 'causal' or 'differential'"):
        snnconv.inspect(forms["model"], "learned")


@pytest.mark.parametrize("form", DATA)
def test_verify(forms, tmp_path, form):
    quantized = quantize(forms["model"], 8)
    snn = spike(quantized, 2)
    expected = snnconv.verify(quantized, snn, X)
    paths = [snnconv.save(quantized, tmp_path / "quantized.onnx"), str(snnconv.save(snn, tmp_path / "snn.onnx"))]
    assert snnconv.verify(*paths, LABELLED[form](), ann=forms["path"]).sites[0].difference < 1e-6
    assert snnconv.verify(*paths, LABELLED[form]()) == expected
    with pytest.raises(InvalidValueError, match="x is of type uint8"):
        snnconv.verify(quantized, snn, X.byte())
    with pytest.raises(ModelError, match="not ann with snn"):
        snnconv.verify(forms["path"], snn, X)


def test_only_a_model_is_saved(tmp_path):
    with pytest.raises(InvalidValueError, match="save takes a Model, not a Net: load it first"):
        snnconv.save(Net(), tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


def test_flat_inputs_go_all_the_way(tmp_path):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    data = (np.random.default_rng(0).normal(size=(32, 6)), np.arange(32) % 3)
    snn = snnconv.convert(net, timesteps=2, levels=8, calibration_data=data)
    assert snnconv.evaluate(snn, data, against=net).agreement > 80
    trained = snnconv.train(net, data, TrainSettings(epochs=1, batch_size=8, total_levels=4))
    assert trained.input.layout == "NC"
    with pytest.raises(InvalidValueError, match="cutout and auto_augment change images"):
        snnconv.train(net, data, TrainSettings(epochs=1, batch_size=8, cutout=2))
    assert snnconv.report(snn, data, tmp_path / "flat.html", against=net).noun == "sample"


@pytest.mark.parametrize("source", [None, b"net.onnx", ["net.onnx"], 3, Net, np.zeros(3)], ids=str)
def test_what_is_no_network(forms, source):
    calls = [
        lambda: snnconv.load(source),
        lambda: snnconv.inspect(source),
        lambda: snnconv.convert(source),
        lambda: snnconv.evaluate(source, X),
        lambda: snnconv.train(source, (X, Y)),
        lambda: snnconv.finetune(source, (X, Y)),
        lambda: snnconv.report(source, X),
        lambda: snnconv.compare([source], X),
    ]
    if source is not None:
        calls.append(lambda: snnconv.evaluate(forms["model"], X, against=source))
    for call in calls:
        with pytest.raises(InvalidValueError, match=r"The network is given as .*: allowed are the path"):
            call()


def test_a_class_is_no_network():
    with pytest.raises(InvalidValueError, match=r"the class Net: .* Make an instance of it: Net\(\.\.\.\)"):
        snnconv.load(Net)


@pytest.mark.parametrize("data", [None, [X], {"x": X}, 3], ids=type)
def test_what_is_no_data_for_any_verb(forms, data, tmp_path):
    calls = [
        lambda: snnconv.evaluate(forms["model"], data),
        lambda: snnconv.evaluate(Net(), data),
        lambda: snnconv.train(forms["model"], data),
        lambda: snnconv.train(Net(), data),
        lambda: snnconv.finetune(forms["snn"], data),
        lambda: snnconv.report(forms["model"], data, tmp_path / "report.html"),
        lambda: snnconv.compare([forms["model"]], data, tmp_path / "compare.html"),
    ]
    if data is not None:
        calls.append(lambda: snnconv.convert(forms["model"], calibration_data=data))
        calls.append(lambda: snnconv.train(forms["model"], (X, Y), eval_data=data))
    for call in calls:
        with pytest.raises(SnnconvError):
            call()
    assert not list(tmp_path.iterdir())


def test_a_size_is_a_number_or_two(tmp_path):
    path = tmp_path / "chain.onnx"
    path.write_bytes(CASES["chain"]().SerializeToString())
    assert plain("chain").input == InputSpec(3, 6, 6)
    assert snnconv.load(path, size=(8, 10)).input == InputSpec(3, 8, 10)
    model = snnconv.load(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), size=(5, 7))
    assert model.input == InputSpec(3, 5, 7)
    assert snnconv.load(model, size=(5, 7)) is model
    with pytest.raises(InvalidValueError, match=r"size is \(5, 8\), and the model takes images of 5 x 7"):
        snnconv.load(model, size=(5, 8))
    for size in ((5,), (5, 0), (5, 6, 7), "5", (5, 6.0)):
        with pytest.raises(InvalidValueError, match="two of them"):
            snnconv.load(path, size=size)
    with pytest.raises(ModelError):
        snnconv.finetune(Net(), (X, Y))
