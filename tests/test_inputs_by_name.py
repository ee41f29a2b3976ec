"""Several inputs, of any rank and type: as rows of numbers inside, by their names in files."""

from __future__ import annotations

import math

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

import snnconv
from snnconv.errors import InvalidValueError
from snnconv.formats.onnx import to_onnx
from snnconv.inputspec import InputPart, InputSpec
from snnconv.loading.stages import model_of
from snnconv.model import SNN
from snnconv.runtime.onnxruntime import OnnxNetwork

LENGTH, FEATURES, SAMPLES = 5, 8, 20
rng = np.random.default_rng(0)


def weight(*shape: int) -> np.ndarray:
    return (rng.standard_normal(shape) / math.sqrt(shape[0])).astype(np.float32)


def text_network() -> onnx.ModelProto:
    """Embedded ids where a mask allows them, beside a signal: relu(W1 (mask * E[ids])) + W2 signal."""
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["embedded"], "embedding"),
        helper.make_node("Cast", ["mask"], ["factor"], "cast", to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["factor", "last"], ["column"], "column"),
        helper.make_node("Mul", ["embedded", "column"], ["allowed"], "masked"),
        helper.make_node("MatMul", ["allowed", "w1"], ["hidden"], "first"),
        helper.make_node("Relu", ["hidden"], ["fired"], "act"),
        helper.make_node("MatMul", ["signal", "w2"], ["beside"], "second"),
        helper.make_node("Add", ["fired", "beside"], ["sum"], "sum"),
        helper.make_node("MatMul", ["sum", "w3"], ["scores"], "third"),
    ]
    constants = {
        "table": weight(20, FEATURES),
        "w1": weight(FEATURES, 16),
        "w2": weight(3, 16),
        "w3": weight(16, 4),
        "last": np.array([2]),
    }
    graph = helper.make_graph(
        nodes,
        "text",
        [
            helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", LENGTH]),
            helper.make_tensor_value_info("mask", TensorProto.BOOL, ["batch", LENGTH]),
            helper.make_tensor_value_info("signal", TensorProto.FLOAT, ["batch", LENGTH, 3]),
        ],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


INPUTS = {
    "ids": rng.integers(0, 20, (SAMPLES, LENGTH)),
    "mask": rng.random((SAMPLES, LENGTH)) < 0.7,
    "signal": rng.standard_normal((SAMPLES, LENGTH, 3)).astype(np.float32),
}


def rows(model: snnconv.Model) -> torch.Tensor:
    return model.input.packed({name: torch.from_numpy(values) for name, values in INPUTS.items()})


def test_what_is_imported_computes_what_onnxruntime_does() -> None:
    proto = text_network()
    model = model_of(proto, {}, size=None)
    assert [(part.name, part.shape, part.kind) for part in model.input.parts] == [
        ("ids", (LENGTH,), "int"),
        ("mask", (LENGTH,), "bool"),
        ("signal", (LENGTH, 3), "float"),
    ]
    (theirs,) = ort.InferenceSession(proto.SerializeToString()).run(None, INPUTS)
    ours = model({name: torch.from_numpy(values) for name, values in INPUTS.items()})
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("settings", [{"total_levels": 32}, {"coupling": "differential"}], ids=str)
def test_files_have_the_inputs_by_name_and_type(settings: dict[str, object]) -> None:
    ann = model_of(text_network(), {}, size=None)
    for model in (ann, snnconv.convert(ann, timesteps=4, calibration_data=INPUTS, **settings)):
        proto = to_onnx(model)
        stated = {value.name: value.type.tensor_type.elem_type for value in proto.graph.input}
        assert stated == {"ids": TensorProto.INT64, "mask": TensorProto.BOOL, "signal": TensorProto.FLOAT}
        again = model_of(proto, {}, size=None)
        assert again.input == model.input
        assert type(again) is type(model)
        outputs = OnnxNetwork(proto, model.input)(rows(model))
        with torch.no_grad():
            mine = model.graph(rows(model))
        for ours, theirs in zip(mine if isinstance(model, SNN) else (mine,), outputs, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_inputs_lie_one_behind_the_other() -> None:
    spec = InputSpec.of_parts([InputPart("a", (2,), "int"), InputPart("b", (1, 2)), InputPart("c", (), "bool")])
    x = spec.packed({"a": torch.tensor([[3, 4]]), "b": torch.tensor([[[0.5, -1.0]]]), "c": torch.tensor([True])})
    assert x.tolist() == [[3, 4, 0.5, -1, 1]]
    back = spec.unpacked(x)
    assert {name: (part.dtype, tuple(part.shape)) for name, part in back.items()} == {
        "a": (torch.int64, (1, 2)),
        "b": (torch.float32, (1, 1, 2)),
        "c": (torch.bool, (1,)),
    }
    assert InputSpec.from_dict(spec.to_dict()) == spec


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"mask": None}, r"The network's inputs mask \[B, 5\] bool are not given; given are: ids, signal"),
        ({"mask": np.ones((SAMPLES, 4), bool)}, r"'mask' has shape \[20, 4\]; the network takes mask \[B, 5\] bool"),
        ({"ids": INPUTS["ids"] + 0.5}, "'ids' holds fractions"),
        ({"ids": INPUTS["ids"] + 10}, "its embedding has 20 rows, so whole numbers from 0 to 19 are allowed"),
        ({"signal": INPUTS["signal"][:3]}, "different numbers of samples: ids 20, mask 20, signal 3"),
    ],
)
def test_inputs_that_do_not_fit(changed: dict[str, np.ndarray | None], message: str) -> None:
    model = model_of(text_network(), {}, size=None)
    inputs = {name: torch.from_numpy(values) for name, values in {**INPUTS, **changed}.items() if values is not None}
    with pytest.raises(InvalidValueError, match=message):
        model.input.packed(inputs)
