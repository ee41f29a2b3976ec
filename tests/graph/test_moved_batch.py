"""Axes that are put before the batch's."""

from __future__ import annotations

import numpy as np
from onnx import helper
from onnx_oracle import check, model_of, modules_of

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
