"""`inspect` lists the products and norms of attention with their roles and their cost."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

import snnconv
from snnconv.cli import main

CONSTANTS = {
    "scale": np.ones(6, np.float32),
    "weight": np.eye(6, dtype=np.float32),
    "half": np.float32(0.5),
    "mask": np.triu(np.full((4, 4), -99, np.float32), 1),
}


def attention() -> onnx.ModelProto:
    """`softmax(0.5 n nᵀ + mask) n` of a norm n, behind a linear layer."""
    nodes = [
        helper.make_node("LayerNormalization", ["x", "scale"], ["n"], "norm"),
        helper.make_node("Relu", ["n"], ["r"], "act"),
        helper.make_node("Transpose", ["r"], ["t"], "transposed", perm=[0, 1, 3, 2]),
        helper.make_node("MatMul", ["r", "t"], ["s"], "scores"),
        helper.make_node("Mul", ["s", "half"], ["h"], "scaled"),
        helper.make_node("Add", ["h", "mask"], ["m"], "masked"),
        helper.make_node("Softmax", ["m"], ["p"], "softmax", axis=-1),
        helper.make_node("MatMul", ["p", "r"], ["w"], "mixed"),
        helper.make_node("MatMul", ["w", "weight"], ["y"], "proj"),
    ]
    graph = helper.make_graph(
        nodes,
        "attention",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["batch", 2, 4, 6])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in CONSTANTS.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_roles_and_costs(tmp_path, capsys) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(attention(), path)
    layers = snnconv.inspect(path).layers
    assert [(layer.name, layer.role, layer.macs) for layer in layers] == [
        ("norm", None, 2 * 48),  # variance and scale
        ("scores", "attention scores", 2 * 4 * 4 * 6),
        ("mixed", "attention", 2 * 4 * 6 * 4),
        ("proj", None, 48 * 6),
    ]
    main(["inspect", str(path)])
    assert "(attention scores)" in capsys.readouterr().out
