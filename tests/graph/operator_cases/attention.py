"""Attention, as ONNX has it and as onnxruntime's optimiser joins it with its embeddings and layers."""

from __future__ import annotations

import numpy as np

from operator_cases.case import FLOAT, INT32, Case, rand

HEADS = {"q_num_heads": 4, "kv_num_heads": 4}
ATTENTION = [
    Case("Attention", (4, 5, 6), attributes=attributes, constants=constants, order=order, opsets=opsets)
    for opsets in [(23, 99)]
    for attributes, constants, order in [
        ({}, {}, ("x", "x", "x")),
        ({"scale": 0.3, "is_causal": 1}, {}, ("x", "x", "x")),
        ({}, {"m": np.tril(np.ones((5, 5))) > 0}, ("x", "x", "x", "m")),
        ({}, {"m": rand(1, 4, 5, 5)}, ("x", "x", "x", "m")),
        ({"is_causal": 1}, {"m": rand(4, 5, 5)}, ("x", "x", "x", "m")),
    ]
] + [
    Case("Attention", (5, 8), attributes=attributes, order=("x", "x", "x"), opsets=(23, 99))
    for attributes in [HEADS, {**HEADS, "is_causal": 1}]
]
CONTRIB_ATTENTION = [
    Case("Attention", (5, 8), constants, {"num_heads": 2}, opsets=(17,), domain="com.microsoft")
    for constants in [{"w": rand(8, 24), "b": rand(24)}, {"w": rand(8, 24)}]
] + [
    Case(
        "MultiHeadAttention",
        (5, 8),
        attributes={"num_heads": 4},
        order=("x", "x", "x"),
        opsets=(17,),
        domain="com.microsoft",
    ),
    Case(
        "EmbedLayerNormalization",
        (5,),
        {"w": rand(9, 8), "p": rand(6, 8), "s": rand(8), "b": rand(8)},
        opsets=(17,),
        order=("x", "", "w", "p", "", "s", "b"),
        domain="com.microsoft",
        before="Abs",
        kinds=(INT32, FLOAT),
        outputs=("y", "_count"),
    ),
]
