"""Normalisations."""

from __future__ import annotations

import numpy as np

from operator_cases.case import Case, image, rand

NORMALIZATION = [
    Case(
        "BatchNormalization",
        image(5, 5),
        {k: np.abs(rand(4)) + 0.1 for k in ("s", "b", "m", "v")},
        {"epsilon": 0.01},
    ),
    Case("BatchNormalization", image(5), {k: np.abs(rand(4)) + 0.1 for k in ("s", "b", "m", "v")}),
    Case(
        "BatchNormalization",
        (4,),
        {k: np.abs(rand(4)) + 0.1 for k in ("s", "b", "m", "v")},
        {"momentum": 0.5},
    ),
    Case("BatchNormalization", image(3, 2, 2), {k: np.abs(rand(4)) + 0.1 for k in ("s", "b", "m", "v")}),
    Case("LayerNormalization", (4, 6), {"s": rand(6), "b": rand(6)}, opsets=(17, 18, 99)),
    Case("LayerNormalization", (4, 6), {"s": rand(6)}, {"epsilon": 0.1}, opsets=(17, 99)),
    Case("LayerNormalization", (4, 6), {"s": rand(4, 6), "b": rand(4, 6)}, {"axis": 1}, opsets=(17, 99)),
    Case("LayerNormalization", (3, 4, 6), {"s": rand(1, 4, 6), "b": rand(6)}, {"axis": -2}, opsets=(17, 99)),
    Case("LayerNormalization", (4, 6), {"s": rand(1), "b": rand(6)}, opsets=(17, 99)),
    Case("LayerNormalization", (4, 6), {"s": rand(4, 1), "b": rand(6)}, opsets=(17, 99)),
    Case("LayerNormalization", (4, 6), {"s": np.ones(6, np.float32)}, opsets=(17, 99)),
    Case("RMSNormalization", (4, 6), {"s": rand(6)}, opsets=(23, 99)),
    Case("RMSNormalization", (4, 6), {"s": rand(4, 6)}, {"axis": 1, "epsilon": 0.1}, opsets=(23, 99)),
    Case("RMSNormalization", (4, 6), {"s": np.ones(6, np.float32)}, opsets=(23, 99)),
    Case("SimplifiedLayerNormalization", (4, 6), {"s": rand(6)}, {"axis": -1}, opsets=(13, 17)),
    Case("GroupNormalization", image(5, 3), {"s": rand(2), "b": rand(2)}, {"num_groups": 2}, opsets=(18,)),
    Case("GroupNormalization", image(5), {"s": rand(4), "b": rand(4)}, {"num_groups": 4}, opsets=(18,)),
    *(
        Case(
            "GroupNormalization",
            image(*spatial),
            {"s": rand(4), "b": rand(4)},
            {"num_groups": groups, "epsilon": 0.1},
            opsets=(21, 99),
        )
        for spatial in ((6,), (5, 3), (2, 3, 2))
        for groups in (1, 2, 4)
    ),
    Case("InstanceNormalization", image(5, 3), {"s": rand(4), "b": rand(4)}),
    Case("InstanceNormalization", image(6), {"s": rand(4), "b": rand(4)}, {"epsilon": 0.1}),
    Case("MeanVarianceNormalization", image(5, 3), attributes={"axes": [2, 3]}, opsets=(9, 13, 99)),
    Case("MeanVarianceNormalization", image(5, 3), attributes={"axes": [1]}, opsets=(13, 99)),
    Case("MeanVarianceNormalization", image(5, 3), attributes={"axes": [1, 2, 3]}, opsets=(13, 99)),
    Case("LpNormalization", image(5, 3)),
    Case("LpNormalization", image(5, 3), attributes={"axis": 1, "p": 1}),
    Case("LRN", image(5, 3, channels=6), attributes={"size": 3}),
    Case("LRN", image(5, 3, channels=6), attributes={"size": 5, "alpha": 0.5, "beta": 0.6, "bias": 2.0}),
    *(
        Case(
            f"Skip{name}",
            (4, 6),
            {"skip": None, **constants},
            {"epsilon": 1e-5},
            opsets=(17,),
            order=("x", "x", *(name for name in constants)),
            outputs=outputs,
            domain="com.microsoft",
        )
        for name, constants in (
            ("LayerNormalization", {"s": rand(6), "b": rand(6), "bias": rand(6)}),
            ("LayerNormalization", {"s": rand(6), "b": rand(6)}),
            ("LayerNormalization", {"s": rand(6)}),
            ("SimplifiedLayerNormalization", {"s": rand(6), "bias": rand(6)}),
            ("SimplifiedLayerNormalization", {"s": rand(6)}),
        )
        for outputs in (("y",), ("y", "", "", "sum"))
    ),
]
