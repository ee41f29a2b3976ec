"""Constants that are computed from others, against onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx_oracle import check, model_of, modules_of, newest_opset

from snnconv.graph.folding import FOLDABLE
from snnconv.graph.modules import Arithmetic

RNG = np.random.default_rng(0)
A = RNG.uniform(-0.9, 0.9, (2, 4, 6)).astype(np.float32)
B = RNG.uniform(0.1, 0.9, (2, 4, 6)).astype(np.float32)
WHOLE = np.array([3, -1, 0, 5])
BYTES = RNG.integers(0, 256, (2, 4, 6)).astype(np.uint8)
NAN = np.array([np.nan, 1, np.inf, -np.inf], np.float32)

# operator: inputs, attributes, opset
ONE = "Abs Acos Asin Asinh Atan Atanh Ceil Celu Cos Cosh Elu Erf Exp Floor HardSigmoid HardSwish Identity LeakyRelu"
MORE = "LogSoftmax Mish Neg Relu Round Selu Sigmoid Sign Sin Sinh Softmax Softplus Softsign Tan Tanh Gelu"
CASES: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    **{operator: ((A,), {}) for operator in f"{ONE} {MORE}".split()},
    "Acosh": ((B + 1,), {}),
    "BitShift": ((BYTES, BYTES % 4), {"direction": "LEFT"}),
    "BitwiseAnd": ((BYTES, BYTES[::-1]), {}),
    "BitwiseNot": ((BYTES,), {}),
    "BitwiseOr": ((BYTES, BYTES[::-1]), {}),
    "BitwiseXor": ((BYTES, BYTES[::-1]), {}),
    "Compress": ((A, np.array([True, False, True])), {"axis": 2}),
    "Conv": ((A[:, :, None], RNG.standard_normal((2, A.shape[1], 1, 2)).astype(np.float32)), {}),
    "CumSum": ((A, np.array([1])), {}),  # as onnxruntime reads it, too
    "DepthToSpace": ((RNG.standard_normal((1, 8, 2, 3)).astype(np.float32),), {"blocksize": 2}),
    "DequantizeLinear": ((BYTES, B[0, :, 0], BYTES[0, :, 0]), {"axis": 1}),
    "Einsum": ((A, B), {"equation": "bij,bkj->bik"}),
    "GatherND": ((A, np.array([[0, 1], [1, 3]])), {}),
    "IsInf": ((NAN,), {}),
    "IsNaN": ((NAN,), {}),
    "LayerNormalization": ((A, B[0, 0], A[0, 0]), {}),
    "Mean": ((A, B), {}),
    "Mod": ((WHOLE, np.array([2, 3, 4, 3])), {}),
    "OneHot": ((WHOLE, np.array(4), np.array([0, 1], np.float32)), {}),
    "QuantizeLinear": ((A, B[0, :, 0], BYTES[0, :, 0]), {"axis": 1}),
    "ReduceL1": ((A, np.array([1])), {}),
    "ReduceL2": ((A, np.array([1])), {"keepdims": 0}),
    "ReduceLogSum": ((B, np.array([1])), {}),
    "ReduceLogSumExp": ((A, np.array([1])), {}),
    "ReduceSumSquare": ((A, np.array([1])), {}),
    "SpaceToDepth": ((RNG.standard_normal((1, 2, 4, 6)).astype(np.float32),), {"blocksize": 2}),
    "TopK": ((A, np.array([2])), {}),
    "Trilu": ((A,), {}),
}
REDUCTIONS = [operator for operator in CASES if operator.startswith("Reduce")]


@pytest.mark.parametrize("opset", [13, 20])
@pytest.mark.parametrize("operator", CASES)
def test_what_is_known_is_computed_once(operator: str, opset: int) -> None:
    """Some elements of the result are added to the input."""
    try:
        onnx.defs.get_schema(operator, opset)
    except onnx.defs.SchemaError:
        return  # it was defined later
    inputs, attributes = CASES[operator]
    if opset < 18 and operator in REDUCTIONS:
        inputs, attributes = inputs[:1], {**attributes, "axes": [int(inputs[1][0])]}
    constants = {f"c{position}": value for position, value in enumerate(inputs)}
    outputs = ["made", "numbers"] if operator == "TopK" else ["made"]
    nodes = [
        helper.make_node(operator, list(constants), outputs, **attributes),
        helper.make_node("Cast", ["made"], ["floats"], to=1),
        helper.make_node("Reshape", ["floats", "flat"], ["row"]),
        helper.make_node("Gather", ["row", "some"], ["four"]),
        helper.make_node("Add", ["x", "four"], ["y"]),
    ]
    places = {"flat": np.array([-1]), "some": np.array([0, -1, 1, -2])}
    imported = check(model_of(nodes, constants | places, (4,), opset=min(opset, newest_opset())))
    assert modules_of(imported) == [Arithmetic]


def test_every_case_folds() -> None:
    assert set(CASES) <= FOLDABLE


@pytest.mark.parametrize("split", [np.array(2), np.array([1, 3])])
def test_parts_of_a_constant(split: np.ndarray) -> None:
    nodes = [
        helper.make_node("SplitToSequence", ["c", "split"], ["parts"], axis=1),
        helper.make_node("SequenceAt", ["parts", "zero"], ["first"]),
        helper.make_node("SequenceAt", ["parts", "last"], ["second"]),
        helper.make_node("Mul", ["x", "first"], ["scaled"]),
        helper.make_node("Slice", ["second", "zeros", "ones", "axes"], ["shift"]),
        helper.make_node("Add", ["scaled", "shift"], ["y"]),
    ]
    constants = {
        "c": RNG.standard_normal((1, 4)).astype(np.float32),
        "split": split,
        "zero": np.array(0),
        "last": np.array(-1),
    }
    bounds = {"zeros": np.array([0]), "ones": np.array([1]), "axes": np.array([1])}
    width = 2 if split.ndim == 0 else 1
    assert modules_of(check(model_of(nodes, constants | bounds, (width,)))) == [Arithmetic, Arithmetic]
