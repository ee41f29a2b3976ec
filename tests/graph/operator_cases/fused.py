"""Layers that onnxruntime's optimiser joins with what stands behind them."""

from __future__ import annotations

from operator_cases.case import Case, image, rand

FUSED = [
    *(
        Case("FusedConv", image(5, 5), {"w": rand(3, 4, 3, 3), "b": rand(3)}, a, opsets=(17,), domain="com.microsoft")
        for a in (
            {"activation": "Relu"},
            {"activation": "LeakyRelu", "activation_params": [0.3]},
            {"activation": "Clip", "activation_params": [0.0, 6.0]},
            {"activation": "HardSigmoid", "activation_params": [0.2, 0.4]},
        )
    ),
    Case(
        "FusedConv",
        image(5, 5),
        {"w": rand(4, 4, 3, 3), "b": rand(4), "z": None},
        {"activation": "Relu", "pads": [1, 1, 1, 1]},
        opsets=(17,),
        order=("x", "w", "b", "x"),
        domain="com.microsoft",
    ),
    *(
        Case(
            "FusedGemm", (4,), {"w": rand(3, 4), "b": rand(3)}, {"transB": 1, **a}, opsets=(17,), domain="com.microsoft"
        )
        for a in (
            {"activation": "Tanh"},
            {"activation": "Selu", "activation_alpha": 1.67, "activation_gamma": 1.05},
            {"activation": "LeakyRelu", "activation_alpha": 0.2, "alpha": 0.5},
        )
    ),
    *(
        Case("FusedMatMul", (5, 4), {"w": w}, {"alpha": 0.5, "transB": t}, opsets=(17,), domain="com.microsoft")
        for w, t in ((rand(4, 3), 0), (rand(3, 4), 1), (rand(1, 3, 4), 1))
    ),
    Case(
        "FusedMatMul",
        (5, 4),
        {"w": rand(4, 6)},
        {"alpha": 2.0, "transA": 1, "transB": 1},
        opsets=(17,),
        order=("w", "x"),
        domain="com.microsoft",
    ),
    Case("FusedMatMul", (5, 4), {"w": rand(5, 3)}, {"transA": 1}, opsets=(17,), domain="com.microsoft"),
    *(
        Case("FusedMatMul", (2, 5, 4), attributes=a, opsets=(17,), order=("x", "x"), domain="com.microsoft")
        for a in ({"transA": 1, "alpha": 0.25}, {"transB": 1})
    ),
]
