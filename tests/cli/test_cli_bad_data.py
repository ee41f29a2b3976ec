"""Data that do not fit: one message, exit code 2, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

X = np.random.default_rng(1).random((12, 3, 8, 8), dtype=np.float32)
Y = np.arange(12) % 10

BAD = {
    "pickled objects": ({"x": np.array([{}, []], dtype=object)}, "pickled objects are refused"),
    "wrong rank": ({"x": X[:, 0, 0]}, "'x' has shape [12, 8]"),
    "wrong channels": ({"x": X[:, :2]}, "the network takes 3"),
    "wrong range": ({"x": X * 255}, "allowed are floats in 0..1"),
    "not a number": ({"x": X * np.float32("nan")}, "NaN"),
    "too small": ({"x": X[:, :, :4, :4]}, "The image is 4 x 4 pixels"),
    "wrong type": ({"x": (X * 9).astype(np.int64)}, "of type int64"),
    "wrong name": ({"images": X}, "must be called 'x'"),
    "no image": ({"x": X[:0]}, "holds no image"),
}
BAD_LABELS = {
    "too large": (Y + 3, "the network has 10 classes (0..9)"),
    "negative": (Y - 3, "label -3 of image 0"),
    "too few": (Y[:5], "for each of the 12 images"),
    "fractions": (Y + 0.5, "whole number"),
}
READERS = {
    "convert": ("convert", "net.onnx", "--calibration-data"),
    "evaluate": ("evaluate", "net.onnx", "--data"),
    "train": ("train", "--model", "net.onnx", "--epochs", "1", "--data"),
}


@pytest.mark.parametrize("verb", READERS)
class TestEveryReader:
    @pytest.mark.parametrize("case", BAD)
    def test_refuses_bad_images(self, verb: str, case: str, here: Path, refused: Callable[..., str]) -> None:
        arrays, said = BAD[case]
        np.savez(here / "bad.npz", **arrays, y=np.zeros(len(next(iter(arrays.values()))), dtype=np.int64))
        assert said in refused(*READERS[verb], "npz:bad.npz")

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            ("npz:missing.npz", "missing.npz is not there"),
            ("npz:net.onnx", "net.onnx cannot be read as .npz"),
            ("npz:data.npz[50:60]", "selects no image: the whole has 20"),
            ("npz:data.npz[::0]", "which is no slice"),
            ("npz", "does not say where the data are"),
            ("np:data.npz", "Did you mean 'npz:FILE[,FILE...]'"),
            ("imagefoldr:photos", "Did you mean 'imagefolder:DIR'"),
            ("imagefolder:photos", "photos is not there"),
            ("csv:labels.csv", "labels.csv"),
            ("cifar10:nowhere", "nowhere"),
            ("digits:here", "takes no place"),
            ("digits", "the network takes 3"),
            ("", "does not name a known kind of data"),
        ],
    )
    def test_refuses_a_bad_spec(self, verb: str, data: str, said: str, refused: Callable[..., str]) -> None:
        assert said in refused(*READERS[verb], data)


@pytest.mark.parametrize("case", BAD_LABELS)
@pytest.mark.parametrize("verb", ["evaluate", "train"])
def test_bad_labels_are_refused(verb: str, case: str, here: Path, refused: Callable[..., str]) -> None:
    labels, said = BAD_LABELS[case]
    np.savez(here / "bad.npz", x=X, y=labels)
    assert said in refused(*READERS[verb], "npz:bad.npz")


def test_labels_of_other_classes_do_not_matter_to_calibration(here: Path, run: Callable[..., Any]) -> None:
    np.savez(here / "other.npz", x=X, y=Y + 100)
    assert run("convert", "net.onnx", "--calibration-data", "npz:other.npz").code == 0


def test_training_needs_labels(refused: Callable[..., str]) -> None:
    for model in ("net.onnx", "zoo:small-cnn"):
        assert "label" in refused("train", "--model", model, "--data", "npz:plain.npz")


def test_training_on_other_classes_is_refused(make: Callable[..., str], refused: Callable[..., str]) -> None:
    grey = make("grey.onnx", channels=1, classes=5)
    assert "has 10 classes, the network has 5 outputs" in refused("train", "--model", grey, "--data", "digits[:50]")


def test_a_bad_held_out_set_is_refused_before_training(refused: Callable[..., str]) -> None:
    command = ("train", "--model", "net.onnx", "--data", "npz:data.npz", "--eval-data")
    assert "the network takes 3" in refused(*command, "digits")


def test_evaluation_without_labels_has_no_accuracy(here: Path, run: Callable[..., Any]) -> None:
    found = run("evaluate", "net.onnx", "--data", "npz:plain.npz", "--against", "net.onnx", "--json").json
    assert found["accuracy"] is None
    assert found["agreement"] == 100
    shown = run("evaluate", "net.onnx", "--data", "npz:plain.npz")
    assert shown.code == 0
    assert "accuracy" not in shown.out


def test_a_small_calibration_set_is_used_with_a_warning(here: Path, run: Callable[..., Any]) -> None:
    asked = ("--calibration-data", "npz:data.npz", "--calibration-images", 100, "--mean", 0, "--std", 1)
    ran = run("convert", "net.onnx", *asked, "--json")
    assert ran.json["calibration_images"] == 20
    assert ran.err.splitlines() == ["warning: Using all 20 images of 'npz:data.npz': 100 were asked for."]


def test_a_small_calibration_set_is_used_as_a_whole_by_default(here: Path, run: Callable[..., Any]) -> None:
    ran = run("convert", "net.onnx", "--calibration-data", "npz:data.npz", "--mean", 0, "--std", 1, "--json")
    assert ran.json["calibration_images"] == 20
    assert ran.err.splitlines() == ["warning: Using all 20 images (at most 1,024 by default)."]


def test_data_of_a_network_that_needs_none_are_opened_too(
    here: Path, run: Callable[..., Any], refused: Callable[..., str]
) -> None:
    assert run("train", "--model", "net.onnx", "--data", "npz:data.npz", "--epochs", 1, "-o", "qcfs.onnx").code == 0
    assert "nowhere.npz" in refused("convert", "qcfs.onnx", "--calibration-data", "npz:nowhere.npz")
    ran = run("convert", "qcfs.onnx", "--calibration-data", "npz:data.npz", "--json")
    assert ran.json["calibration_images"] == 0
    assert ran.json["verification"]["images"] == 20
    assert "serve to verify only" in ran.json["calibration"]


@pytest.mark.parametrize("verb", READERS)
def test_a_network_without_images_takes_none(verb: str, here: Path, refused: Callable[..., str]) -> None:
    weights = numpy_helper.from_array(np.ones((64, 10), dtype=np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["h"], "fc"), helper.make_node("Relu", ["h"], ["y"], "relu")],
        "flat",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 10])],
        [weights],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(proto, here / "flat.onnx")
    command = [word.replace("net.onnx", "flat.onnx") for word in READERS[verb]]
    assert "the network takes a flat input of 64 values" in refused(*command, "digits")


def test_a_file_that_states_no_normalisation_says_so(here: Path, run: Callable[..., Any]) -> None:
    ran = run("convert", "net.onnx", "--calibration-data", "npz:data.npz", "--calibration-images", 20)
    assert "does not state the mean and standard deviation" in ran.err
    assert "--mean" in ran.err
    assert not run("evaluate", "net.onnx", "--data", "npz:data.npz", "--mean", 0, "--std", 1).err
