"""Modules and models whose inputs are no image, from Python: tokens with a mask, bytes, and a signal."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import snnconv
from snnconv.errors import DataError, InvalidValueError
from snnconv.inputspec import InputPart

COUNT = 48
DRAW = np.random.default_rng(0)
IDS = DRAW.integers(0, 30, (COUNT, 8))
MASK = DRAW.random((COUNT, 8)) < 0.8
MASK[:, 0] = True
WAVES = (DRAW.normal(size=(COUNT, 3, 40)) * 30).astype(np.float32)


class Tagger(nn.Module):
    """Embedding, a linear layer of every token, the mean over those that the mask keeps, and a linear layer."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.rows = nn.Embedding(30, 16)
        self.hidden = nn.Linear(16, 32)
        self.head = nn.Linear(32, 3)

    def forward(self, ids, mask):
        kept = mask.to(torch.float32)
        x = torch.relu(self.hidden(self.rows(ids))) * kept.unsqueeze(-1)
        return self.head(x.sum(1) / kept.sum(1, keepdim=True))


class Bytes(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.rows = nn.Embedding(30, 8)
        self.layers = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))

    def forward(self, tokens):
        return self.layers(self.rows(tokens).mean(1))


@pytest.fixture(scope="module")
def tagger():
    return Tagger().eval()


@pytest.fixture(scope="module")
def model(tagger):
    return snnconv.load_module(tagger, [InputPart("ids", (8,), "int"), InputPart("mask", (8,), "bool")])


def outputs(module, *inputs):
    with torch.no_grad():
        return module(*map(torch.from_numpy, inputs))


def named(ids=IDS, mask=MASK):
    return {"ids": ids, "mask": mask}


@pytest.mark.filterwarnings("ignore::snnconv.errors.SnnconvWarning")
def test_every_verb_takes_named_inputs(tagger, model, tmp_path):
    y = outputs(tagger, IDS, MASK).argmax(1)
    assert [str(part) for part in model.input.parts] == ["ids [B, 8] int", "mask [B, 8] bool"]
    assert [part.limit for part in model.input.parts] == [30, None]
    batch = {name: torch.from_numpy(array) for name, array in named().items()}
    torch.testing.assert_close(model.logits(batch), outputs(tagger, IDS, MASK))
    torch.testing.assert_close(model(model.input.packed(batch)), model(batch))
    snn = snnconv.convert(tagger, timesteps=4, levels=8, calibration_data=named())
    result = snnconv.evaluate(snn, (named(), y), against=model)
    assert result.agreement == result.accuracy > 90
    assert result.against_accuracy == 100
    dataset = TensorDataset(torch.from_numpy(IDS), torch.from_numpy(MASK), y)
    for data in (((IDS, MASK), y), dataset, DataLoader(dataset, batch_size=5)):
        assert snnconv.evaluate(snn, data).accuracy == result.accuracy
    snnconv.save(snn, tmp_path / "snn.onnx")
    stored = snnconv.load(tmp_path / "snn.onnx")
    assert stored.input == snn.input
    assert [part.limit for part in stored.input.parts] == [30, None]
    assert snnconv.evaluate(stored, (named(), y), backend="onnxruntime").accuracy == result.accuracy
    report = snnconv.report(snn, (named(), y), tmp_path / "page.html", against=model)
    assert report.thumbnails == {}
    snnconv.compare([snn, model], (named(), y), tmp_path / "compare.html", against=model)


@pytest.mark.filterwarnings("ignore::snnconv.errors.SnnconvWarning")
def test_training_takes_named_inputs(tagger):
    y = outputs(tagger, IDS, MASK).argmax(1)
    trained = snnconv.train(Tagger(), (named(), y), snnconv.TrainSettings(epochs=1, batch_size=16))
    snn = snnconv.convert(trained, timesteps=2, levels=4)
    tuned = snnconv.finetune(snn, (named(), y), snnconv.FinetuneSettings(epochs=1, batch_size=16))
    assert tuned.input.parts == trained.input.parts
    assert snnconv.evaluate(tuned, (named(), y)).images == COUNT


def test_an_input_of_bytes():
    module = Bytes().eval()
    snn = snnconv.convert(module, timesteps=4, levels=16, calibration_data=IDS)
    assert snn.input.parts == (InputPart("tokens", (8,), "int"),)
    x = torch.from_numpy(IDS[:5])
    assert torch.equal(snn.logits(x), snn.logits({"tokens": x}))
    assert torch.equal(snn.logits(x), snn.logits(x.float()))


def test_a_model_is_called_with_what_it_takes(model):
    ids, mask = torch.from_numpy(IDS), torch.from_numpy(MASK)
    with pytest.raises(InvalidValueError, match=r"inputs mask \[B, 8\] bool are not given; given are: ids"):
        model({"ids": ids})
    with pytest.raises(InvalidValueError, match=r"is given one tensor \[48, 8\]: give a dict"):
        model(ids)
    with pytest.raises(InvalidValueError, match=r"'ids' holds 30: its embedding has 30 rows"):
        model({"ids": torch.full((1, 8), 30), "mask": mask[:1]})
    image = snnconv.load_module(nn.Sequential(nn.Linear(4, 3)), (4,))
    with pytest.raises(InvalidValueError, match=r"takes one tensor \[B, 4\], and is given a dict"):
        image({"x": torch.zeros(2, 4)})


def test_tokens_are_not_made_up(model):
    with pytest.raises(DataError, match=r"ids \[B, 8\] int, mask \[B, 8\] bool, which are not made up"):
        snnconv.convert(model)


def signal_network(path):
    """Convolution over a signal of an open length, ReLU, mean over time, and a linear layer."""
    nodes = [
        helper.make_node("Conv", ["wave", "kernel"], ["conv"], "conv"),
        helper.make_node("Relu", ["conv"], ["relu"], "relu"),
        helper.make_node("ReduceMean", ["relu"], ["mean"], "mean", axes=[2], keepdims=0),
        helper.make_node("MatMul", ["mean", "head"], ["logits"], "head"),
    ]
    weights = {"kernel": DRAW.normal(size=(4, 3, 5)), "head": DRAW.normal(size=(4, 3))}
    graph = helper.make_graph(
        nodes,
        "signal",
        [helper.make_tensor_value_info("wave", TensorProto.FLOAT, ["batch", 3, "time"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.filterwarnings("ignore::snnconv.errors.SnnconvWarning")
def test_shapes_that_a_file_leaves_open(tmp_path):
    path = signal_network(tmp_path / "signal.onnx")
    assert snnconv.load(path, input_shapes={"wave": (3, 40)}).input.parts == (InputPart("wave", (3, 40)),)
    with pytest.raises(InvalidValueError, match=r"'wave' is open, \[batch, 3, \?\].*--input-shape wave=N,N"):
        snnconv.load(path)
    for shape in ((4, 40), (3,), (3, 0)):
        with pytest.raises(InvalidValueError, match=r"the file states \[batch, 3, \?\]"):
            snnconv.load(path, input_shapes={"wave": shape})
    with pytest.raises(InvalidValueError, match="the network's inputs are wave"):
        snnconv.load(path, input_shapes={"waves": (3, 40)})
    with pytest.raises(InvalidValueError, match="leave them out"):
        snnconv.load(nn.Linear(2, 2), input_shapes={"input": (2,)})
    y = np.arange(COUNT) % 3
    for data in (WAVES, (WAVES, y), {"wave": WAVES}, TensorDataset(torch.from_numpy(WAVES))):
        snn = snnconv.convert(path, timesteps=4, levels=16, calibration_data=data)
        assert snn.input.parts == (InputPart("wave", (3, 40)),)
        assert snnconv.evaluate(path, data, against=path).agreement == 100
