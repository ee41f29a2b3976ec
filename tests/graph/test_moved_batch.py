"""Axes that are put before the batch's."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper
from onnx_oracle import check, model_of, modules_of
from torch import nn

from snnconv.errors import UnsupportedOperatorsError
from snnconv.graph.importer import import_graph
from snnconv.graph.modules import Expand, Unsqueeze


def test_copies_along_an_axis_before_the_batch() -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Concat", ["copies", "shape"], ["target"], axis=0),
        helper.make_node("Expand", ["x", "target"], ["wide"]),  # [3, B, 4]
        helper.make_node("Mul", ["wide", "factors"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["y"], perm=[1, 2, 0]),
    ]
    factors = np.arange(12, dtype=np.float32).reshape(3, 1, 4)
    imported = check(model_of(nodes, {"copies": np.array([3]), "factors": factors}, (4,)))
    assert modules_of(imported)[:2] == [Unsqueeze, Expand]


@pytest.mark.parametrize("batch", ["batch", 1])
def test_rows_that_are_merged_with_an_axis_before_the_batch(batch: int | str) -> None:
    """As nn.MultiheadAttention has it: heads in the batch's axis, then one matrix of the tokens of all samples."""
    length = 5
    rng = np.random.default_rng(0)
    size = -1 if isinstance(batch, str) else batch
    merged = -1 if size == -1 else length * size
    nodes = [
        helper.make_node("Transpose", ["x"], ["first"], perm=[1, 0, 2]),  # [L, B, 6]
        helper.make_node("Reshape", ["first", "heads"], ["cut"]),  # [L, B*2, 3]
        helper.make_node("Transpose", ["cut"], ["q"], perm=[1, 0, 2]),
        helper.make_node("Transpose", ["cut"], ["k"], perm=[1, 2, 0]),
        helper.make_node("MatMul", ["q", "k"], ["scores"]),
        helper.make_node("MatMul", ["scores", "q"], ["mixed"]),  # [B*2, L, 3]
        helper.make_node("Transpose", ["mixed"], ["back"], perm=[1, 0, 2]),
        helper.make_node("Reshape", ["back", "rows"], ["flat"]),  # [L*B, 6]
        helper.make_node("Gemm", ["flat", "w", "b"], ["made"]),
        helper.make_node("Relu", ["made"], ["positive"]),
        helper.make_node("Reshape", ["positive", "apart"], ["tokens"]),  # [L, B, 4]
        helper.make_node("Transpose", ["tokens"], ["y"], perm=[1, 0, 2]),
    ]
    constants = {
        "heads": np.array([length, -1 if size == -1 else 2 * size, 3]),
        "rows": np.array([merged, 6]),
        "apart": np.array([length, size, 4]),
        "w": rng.standard_normal((6, 4)).astype(np.float32),
        "b": rng.standard_normal(4).astype(np.float32),
    }
    imported = check(model_of(nodes, constants, (length, 6), batch=batch))
    assert nn.Linear in modules_of(imported)


POOLS = ("MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool")
ORDERS = ("TPT", "QDTPT", "TQDPT", "QTDPT")  # quantize, dequantize, transpose samples and channels, pool


@pytest.mark.parametrize(
    ("operator", "order"),
    [*((pool, order) for pool in POOLS for order in ORDERS), ("MaxPool", "QTPDT"), ("MaxPool", "QTPTD")],
)
def test_pooling_of_levels_that_have_the_batch_behind_the_channels(operator: str, order: str) -> None:
    operators = {"Q": "QuantizeLinear", "D": "DequantizeLinear", "T": "Transpose", "P": operator}
    kernel = {} if operator.startswith("Global") else {"kernel_shape": [2, 3]}
    settings = {"T": {"perm": [1, 0, 2, 3]}, "P": kernel}
    names = ["x", *(f"after{position}" for position in range(1, len(order))), "y"]
    nodes = [
        helper.make_node(
            operators[letter],
            [source, *(["scale", "zero"] if letter in "QD" else [])],
            [target],
            **settings.get(letter, {}),
        )
        for letter, source, target in zip(order, names, names[1:], strict=False)
    ]
    check(model_of(nodes, {"scale": np.float32(0.05), "zero": np.uint8(100)}, (4, 6, 6)))


def test_pooling_across_the_batch_is_refused() -> None:
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 2, 0, 3]),
        helper.make_node("GlobalMaxPool", ["t"], ["y"]),
    ]
    with pytest.raises(UnsupportedOperatorsError, match="acts across the batch axis"):
        import_graph(model_of(nodes, {}, (4, 6, 6)))
