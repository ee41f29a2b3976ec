"""What functions make of equal values, halves, zeros and rows without variance, as onnxruntime makes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx_oracle import TOLERANCE, assert_close, check, model_of, modules_of, run_onnx, run_torch, write
from torch import nn

from snnconv.graph.importer import import_graph

VALUES = np.array(
    [
        [[0.5, 1.5, 2.5, -0.5, -1.5, -2.5], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]],
        [[3, 1, 3, 1, 2, 3], [0, -1, 0, -1, 0, 1], [-2, -2, -2, -2, -2, -2]],
    ],
    np.float32,
)
CASES: list[tuple[str, dict[str, Any]]] = [
    *(
        (name, {"axis": axis, "select_last_index": last})
        for name in ("ArgMax", "ArgMin")
        for axis in (1, 2)
        for last in (0, 1)
    ),
    *(("TopK", {"axis": axis, "largest": largest}) for axis in (1, 2) for largest in (0, 1)),
    *((name, {}) for name in ("Round", "Sign", "Abs", "Softsign", "Gelu", "Elu", "Shrink", "ReduceMax")),
    *(("LpNormalization", {"axis": axis, "p": p}) for axis in (1, 2) for p in (1, 2)),
    ("LayerNormalization", {}),
    ("RMSNormalization", {}),
    ("InstanceNormalization", {}),
]
CONSTANTS = {
    "TopK": [np.array([2])],
    "LayerNormalization": [np.full(6, 2, np.float32), np.full(6, 3, np.float32)],
    "RMSNormalization": [np.full(6, 2, np.float32)],
    "InstanceNormalization": [np.full(3, 2, np.float32), np.full(3, 3, np.float32)],
    "ReduceMax": [np.array([2])],
}


def model(operator: str, attributes: dict[str, Any]) -> onnx.ModelProto:
    constants = {f"c{i}": value for i, value in enumerate(CONSTANTS.get(operator, []))}
    outputs = ["values", "positions"] if operator == "TopK" else ["y"]
    node = helper.make_node(operator, ["x", *constants], outputs, "node", **attributes)
    network = model_of([node], constants, (3, 6), opset=23, outputs=outputs)
    for output in network.graph.output:
        if output.name == "positions" or operator in ("ArgMax", "ArgMin"):
            output.type.tensor_type.elem_type = onnx.TensorProto.INT64
    return network


@pytest.mark.parametrize(("operator", "attributes"), CASES, ids=str)
def test_edges_are_as_in_onnxruntime(operator: str, attributes: dict[str, Any]) -> None:
    theirs = run_onnx(model(operator, attributes), VALUES)
    imported = import_graph(model(operator, attributes))
    assert_close(run_torch(imported, VALUES), theirs, TOLERANCE)
    assert_close(run_onnx(write(imported), VALUES), theirs, TOLERANCE)


def test_weights_of_normalised_length_are_computed_at_import() -> None:
    """Weight normalisation, `v·g/|v|`, as exporters leave it in the file."""
    rng = np.random.default_rng(0)
    constants = {"v": rng.standard_normal((6, 4)).astype(np.float32), "g": rng.random(4).astype(np.float32)}
    nodes = [
        helper.make_node("ReduceL2", ["v", "axis"], ["length"]),
        helper.make_node("Div", ["v", "length"], ["direction"]),
        helper.make_node("Mul", ["direction", "g"], ["w"]),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    imported = check(model_of(nodes, {**constants, "axis": np.array([0])}, (3, 6)))
    assert modules_of(imported) == [nn.Linear]
