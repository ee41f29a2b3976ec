"""Masks and numbers as networks of attention make them, against onnxruntime: infinite constants, ids, positions."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx_oracle import check, model_of

LOWEST = float(np.finfo(np.float32).min)


def node(operator: str, inputs: str, output: str, **attributes: object):
    return helper.make_node(operator, inputs.split(), [output], output, **attributes)


@pytest.mark.parametrize("blocked", [-np.inf, LOWEST, -3e38, -1e9])
def test_a_mask_of_scores(blocked: float) -> None:
    """Keys that a mask of the input blocks have no weight, and those behind a query."""
    nodes = [
        node("MatMul", "x turned", "scores"),
        node("Greater", "x zero", "positive"),
        node("Slice", "positive first second last", "key"),  # [B, L, 1]
        node("Transpose", "key", "keys", perm=[0, 2, 1]),
        node("Where", "keys zero blocked", "mask"),
        node("Add", "scores mask", "masked"),
        node("Add", "masked causal", "both"),
        node("Where", "diagonal scores both", "kept"),
        node("Softmax", "kept", "weights", axis=-1),
        node("MatMul", "weights x", "y"),
    ]
    nodes.insert(0, node("Transpose", "x", "turned", perm=[0, 2, 1]))
    causal = np.where(np.tril(np.ones((6, 6))) > 0, 0, blocked).astype(np.float32)
    constants = {"zero": np.float32(0), "blocked": np.float32(blocked), "causal": causal}
    constants |= {"first": np.array([0]), "second": np.array([1]), "last": np.array([2])}
    check(model_of(nodes, constants | {"diagonal": np.eye(6) > 0}, (6, 4)))


@pytest.mark.parametrize("blocked", [-np.inf, LOWEST])
def test_rows_that_are_masked_throughout(blocked: float) -> None:
    """Their softmax is NaN where they are infinite, which is taken for 0, and uniform where they are finite."""
    nodes = [
        node("Greater", "x one", "open"),
        node("Where", "open x blocked", "masked"),
        node("Softmax", "masked", "weights", axis=-1),
        node("IsNaN", "weights", "nan"),
        node("Where", "nan zero weights", "y"),
    ]
    constants = {"zero": np.float32(0), "one": np.float32(1), "blocked": np.float32(blocked)}
    check(model_of(nodes, constants, (5, 8, 3)))


@pytest.mark.parametrize("sides", [(1, 1), (1, 0), (0, 1), (0, 0)])
def test_infinite_elements_are_found(sides: tuple[int, int]) -> None:
    nodes = [
        node("Greater", "x one", "high"),
        node("Less", "x minus", "low"),
        node("Where", "high infinite x", "above"),
        node("Where", "low negative above", "both"),
        node("IsInf", "both", "found", detect_positive=sides[0], detect_negative=sides[1]),
        node("Where", "found one minus", "y"),
    ]
    constants = {"one": np.float32(0.5), "minus": np.float32(-0.5)}
    constants |= {"infinite": np.float32(np.inf), "negative": np.float32(-np.inf)}
    check(model_of(nodes, constants, (5, 8)))


def test_positions_of_the_tokens_that_a_mask_lets_through() -> None:
    """RoBERTa counts the tokens that are no padding, and looks their positions up."""
    rng = np.random.default_rng(0)
    nodes = [
        node("Cast", "x", "ids", to=TensorProto.INT64),
        node("Clip", "ids low high", "tokens"),
        node("Equal", "tokens pad", "padding"),
        node("Not", "padding", "present"),
        node("Cast", "present", "ones", to=TensorProto.INT32),
        node("CumSum", "ones axis", "counts"),
        node("Mul", "counts ones", "places"),
        node("Cast", "places", "long", to=TensorProto.INT64),
        node("Add", "long pad", "positions"),
        node("Gather", "words tokens", "word"),
        node("Gather", "table positions", "position"),
        node("Add", "word position", "y"),
    ]
    constants = {
        "pad": np.array(1),
        "axis": np.array(1),
        "words": rng.standard_normal((9, 3)).astype(np.float32),
        "table": rng.standard_normal((12, 3)).astype(np.float32),
    }
    check(model_of(nodes, constants | {"low": np.array(0), "high": np.array(8)}, (7,), opset=13))


def test_elements_by_constant_numbers_that_are_expanded_over_the_batch() -> None:
    nodes = [
        node("Shape", "x", "shape"),
        node("Gather", "shape zero", "batch"),
        node("Concat", "batch rest", "target", axis=0),
        node("Expand", "indices target", "places"),
        node("GatherElements", "x places", "y", axis=1),
    ]
    constants = {"zero": np.array([0]), "rest": np.array([3, 2]), "indices": np.array([[[0], [-1], [2]]])}
    check(model_of(nodes, constants, (5, 4)))


def _attention(**attributes: object):
    return node("Attention", "queries keys values mask", "y", **attributes)


def _slices(shape: str) -> list:
    """Queries, keys and values as slices of x, along axis 1 of heads or along axis 2 of features."""
    return [
        node("Slice", f"x zero {shape}.q {shape}.axis", "queries"),
        node("Slice", f"x {shape}.q {shape}.k {shape}.axis", "keys"),
        node("Slice", f"x {shape}.k {shape}.v {shape}.axis", "values"),
    ]


@pytest.mark.parametrize("truths", [True, False])
def test_attention_whose_keys_are_shared_by_heads_under_a_mask_of_the_input(truths: bool) -> None:
    nodes = [
        *_slices("heads"),
        node("MatMul", "queries turn", "wide"),
        node("ReduceSum", "wide axis", "guide", keepdims=1),  # [B, 1, L, L]
        *([node("Less", "guide one", "mask")] if truths else [node("Identity", "guide", "mask")]),
        _attention(),
    ]
    constants = {
        "zero": np.array([0]),
        "heads.q": np.array([4]),
        "heads.k": np.array([6]),
        "heads.v": np.array([8]),
        "heads.axis": np.array([1]),
        "axis": np.array([1]),
        "one": np.float32(1),
        "turn": np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32),
    }
    check(model_of(nodes, constants, (8, 5, 3), opset=23))


@pytest.mark.parametrize("causal", [0, 1])
def test_attention_of_features_whose_keys_are_shared_by_heads(causal: int) -> None:
    nodes = [*_slices("features"), _attention(q_num_heads=4, kv_num_heads=2, is_causal=causal)]
    nodes[-1].input.pop()
    constants = {
        "zero": np.array([0]),
        "features.q": np.array([12]),
        "features.k": np.array([18]),
        "features.v": np.array([24]),
        "features.axis": np.array([2]),
    }
    check(model_of(nodes, constants, (5, 24), opset=23))
