"""Networks whose inputs are no image on the command line: tokens with a mask, and a signal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import snnconv

ROWS, LENGTH, COUNT = 30, 8, 40
DRAW = np.random.default_rng(0)
IDS = DRAW.integers(0, ROWS, (COUNT, LENGTH))
MASK = (DRAW.random((COUNT, LENGTH)) < 0.7).astype(np.int64)
WEIGHTS = {
    "table": DRAW.normal(size=(ROWS, 6)),
    "w1": DRAW.normal(size=(6, 16)) / 3,
    "w2": DRAW.normal(size=(16, 3)),
}


def text_network(length: int | str = LENGTH) -> onnx.ModelProto:
    """Embedding, a linear layer of every token, the mean over those that the mask keeps, and a linear layer."""
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"], "embedding"),
        helper.make_node("MatMul", ["rows", "w1"], ["hidden"], "hidden"),
        helper.make_node("Relu", ["hidden"], ["relu"], "relu"),
        helper.make_node("Cast", ["mask"], ["kept"], "kept", to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["kept", "last"], ["kept1"], "kept1"),
        helper.make_node("Mul", ["relu", "kept1"], ["masked"], "masked"),
        helper.make_node("ReduceMean", ["masked"], ["pooled"], "pooled", axes=[1], keepdims=0),
        helper.make_node("MatMul", ["pooled", "w2"], ["logits"], "head"),
    ]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", length]) for name in ("ids", "mask")]
    stored = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in WEIGHTS.items()]
    stored.append(numpy_helper.from_array(np.array([2]), "last"))
    graph = helper.make_graph(
        nodes, "text", inputs, [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])], stored
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def text(here: Path) -> Path:
    """Networks of tokens, one of an open length, and labelled data for them."""
    onnx.save(text_network(), here / "text.onnx")
    onnx.save(text_network("length"), here / "open.onnx")
    y = np.asarray(snnconv.load(here / "text.onnx").logits(tensors(IDS, MASK)).argmax(1))
    np.savez(here / "text.npz", ids=IDS, mask=MASK, y=y, other=(y + 1) % 3)
    return here


def tensors(ids: Any, mask: Any) -> dict[str, Any]:
    import torch

    return {"ids": torch.from_numpy(ids), "mask": torch.from_numpy(mask)}


def test_every_verb_takes_named_inputs(text: Path, run: Callable[..., Any]) -> None:
    data = "npz:text.npz"
    for network in ("text.onnx", "open.onnx"):
        assert run("convert", network, "--calibration-data", data, "-o", "text-snn.onnx").code == 0
    result = run("evaluate", "text-snn.onnx", "--data", data, "--against", "open.onnx", "--json").json
    assert result["agreement"] == result["accuracy"] > 85
    assert result["against_accuracy"] == 100
    other = run("evaluate", "text.onnx", "--data", data, "--labels", "other", "--json").json
    assert other["accuracy"] == 0
    assert run("report", "text-snn.onnx", "--data", data, "--against", "text.onnx").code == 0
    assert "<img" not in (text / "report.html").read_text().split("</style>")[-1].split("svg")[0]
    assert run("compare", "text-snn.onnx", "text.onnx", "--data", data, "--against", "text.onnx").code == 0
    exported = run("export", "text-snn.onnx", "--form", "collapsed", "--data", data, "-o", "one.onnx", "--json").json
    assert exported["comparison"]["agreement"] == 100
    assert run("train", "--model", "text.onnx", "--data", data, "--epochs", "1", "-o", "q.onnx").code == 0
    tuned = run("finetune", "text-snn.onnx", "--data", data, "--labels", "other", "--epochs", "1", "-o", "tuned.onnx")
    assert tuned.code == 0


def test_the_shape_of_open_inputs_is_an_option(
    text: Path, run: Callable[..., Any], refused: Callable[..., str]
) -> None:
    shapes = ("--input-shape", f"ids={LENGTH}", "--input-shape", f"mask={LENGTH}")
    assert run("inspect", "open.onnx", *shapes).code == 0
    said = refused("inspect", "open.onnx")
    assert "open: ids [batch, ?], mask [batch, ?]" in said
    assert "--input-shape ids=N --input-shape mask=N" in said
    assert "the network's inputs are ids, mask" in refused("inspect", "open.onnx", "--input-shape", "tokens=8")
    assert "the file states [batch, 8]" in refused("inspect", "text.onnx", "--input-shape", "ids=9")
    assert "names an input twice" in refused("inspect", "open.onnx", *shapes, *shapes)
    assert "is no shape of an input" in refused("inspect", "open.onnx", "--input-shape", "ids=0")


BAD = {
    "missing": ({"tokens": IDS}, "does not hold ids [B, 8] int, mask [B, 8] int, which the network takes; it holds"),
    "outside": ({"ids": IDS + 1, "mask": MASK}, "its embedding has 30 rows, so whole numbers from 0 to 29 are allowed"),
    "negative": ({"ids": IDS - 1, "mask": MASK}, "holds -1: its embedding has 30 rows"),
    "mask": ({"ids": IDS, "mask": MASK[:, None]}, "'mask' is [40, 1, 8] int64, the network takes mask [B, 8] int"),
    "fractions": ({"ids": IDS, "mask": MASK * 0.5}, "The input 'mask' holds fractions"),
    "counts": ({"ids": IDS, "mask": MASK[1:]}, "different numbers of samples: ids 40, mask 39"),
    "not finite": ({"ids": np.where(IDS == 0, np.nan, IDS), "mask": MASK}, "NaN or infinite"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_data_are_refused(case: str, text: Path, refused: Callable[..., str]) -> None:
    arrays, said = BAD[case]
    np.savez(text / "bad.npz", **arrays)
    assert said in refused("convert", "text.onnx", "--calibration-data", "npz:bad.npz")
    assert said in refused("evaluate", "text.onnx", "--data", "npz:bad.npz")


@pytest.mark.parametrize(
    "verb", [("report", "text.onnx"), ("train", "--epochs", "1", "--model", "text.onnx")], ids=lambda verb: verb[0]
)
def test_other_verbs_refuse_them(verb: tuple[str, ...], text: Path, refused: Callable[..., str]) -> None:
    np.savez(text / "bad.npz", ids=IDS + 1, mask=MASK)
    assert "its embedding has 30 rows" in refused(*verb, "--data", "npz:bad.npz")


def test_tokens_are_not_made_up(text: Path, refused: Callable[..., str]) -> None:
    said = refused("convert", "text.onnx")
    assert "takes ids [B, 8] int, mask [B, 8] int, which are not made up: its calibration needs data" in said
    assert "leave mean and std out" in refused("inspect", "text.onnx", "--mean", "0.5")
    assert "not images: it has no height and width" in refused("inspect", "text.onnx", "--size", "8")


def test_networks_of_other_inputs_are_not_compared(text: Path, refused: Callable[..., str]) -> None:
    said = refused("evaluate", "text.onnx", "--data", "npz:text.npz", "--against", "net.onnx")
    assert (
        "The network takes ids [B, 8] int, mask [B, 8] int, the network it is compared with 3 channels of 8 x 8" in said
    )


def test_labels_of_data_without_arrays(refused: Callable[..., str]) -> None:
    assert "only npz:FILE" in refused("evaluate", "net.onnx", "--data", "digits", "--labels", "target")
    assert "give --data" in refused("export", "net.onnx", "--form", "collapsed", "--labels", "target")


def test_sizes_that_are_not_square(make: Callable[..., str], here: Path, run: Callable[..., Any]) -> None:
    make("wide.onnx", side="side")
    np.savez(here / "wide.npz", x=DRAW.random((20, 3, 6, 10), dtype=np.float32), y=np.arange(20) % 10)
    assert run("convert", "wide.onnx", "--size", "6,10", "--calibration-data", "npz:wide.npz").code == 0
    assert snnconv.load(here / "wide-snn.onnx").input.sample_shape() == (3, 6, 10)
    for words in (
        ("evaluate", "wide.onnx", "--data", "npz:wide.npz", "--json"),
        ("compare", "wide.onnx", "--data", "npz:wide.npz", "--json"),
        ("report", "wide.onnx", "--data", "npz:wide.npz", "--json"),
        ("train", "--model", "wide.onnx", "--data", "npz:wide.npz", "--epochs", "1", "--json"),
        ("train", "--model", "zoo:small-cnn", "--data", "npz:wide.npz", "--epochs", "1", "--json"),
        ("finetune", "wide-snn.onnx", "--data", "npz:wide.npz", "--epochs", "1", "--json"),
        ("export", "wide-snn.onnx", "--form", "collapsed", "--data", "npz:wide.npz", "--json"),
        ("inspect", "wide.onnx", "--json"),
    ):
        ran = run(*words, "--size", "6,10")
        assert ran.code == 0, ran
        json.loads(ran.out)
