"""Axes made longer or shorter, and elements that are looked up or put elsewhere."""

from __future__ import annotations

import numpy as np

from operator_cases.case import FLOAT, INT32, INT64, Case, f32, image, ints, rand

RESIZE = [
    *(
        Case(
            "Resize",
            image(5, 6),
            {"r": rand(0), "s": np.array([1, 1, *factors], np.float32)},
            {"mode": mode, "coordinate_transformation_mode": positions},
            opsets=(11, 18, 99),
        )
        for mode in ("nearest", "linear")
        for positions in ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners")
        for factors in ((2, 2), (1.3, 2.5), (0.6, 0.2), (1, 0.5))
    ),
    *(
        Case(
            "Col2Im",
            (3 * 6, length),
            {"i": ints(5, 7), "b": ints(2, 3)},
            attributes,
            opsets=(18, 99),
        )
        for length, attributes in [
            (20, {}),
            (12, {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
            (9, {"dilations": [2, 2], "strides": [1, 1]}),
        ]
    ),
    *(
        Case(
            "Resize",
            image(5, 6),
            {"r": None, "s": None, "n": ints(*sizes)},
            {"mode": mode, "axes": [2, 3]},
            opsets=(18, 99),
        )
        for mode in ("nearest", "linear")
        for sizes in ((10, 3), (7, 7), (5, 12), (5, 6))
    ),
    *(
        Case(
            "Resize",
            image(5, 6),
            {"r": rand(0), "s": np.array([1, 1, 2.5, 0.4], np.float32)},
            {"nearest_mode": rounding, "coordinate_transformation_mode": "asymmetric"},
            opsets=(11, 18),
        )
        for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    ),
    *(
        Case(
            "Resize",
            image(6),
            {"r": rand(0), "s": np.array([1, 1, factor], np.float32)},
            {"mode": mode, "coordinate_transformation_mode": positions},
            opsets=(11, 18),
        )
        for mode in ("nearest", "linear")
        for positions in ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners")
        for factor in (2, 1.7, 0.4)
    ),
    *(
        Case(
            "Resize",
            image(5, 6),
            {"r": rand(0), "s": np.array([1, 1, *factors], np.float32)},
            {"mode": "cubic", "coordinate_transformation_mode": positions, **settings},
            opsets=(11, 18, 99),
        )
        for positions in ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners")
        for factors in ((2, 2), (1.3, 2.5), (0.6, 0.2), (1, 0.5))
        for settings in ({}, {"cubic_coeff_a": -0.5, "exclude_outside": 1})
    ),
    *(
        Case(
            "Resize",
            image(9, 8),
            {"r": None, "s": None, "n": ints(*sizes)},
            {"mode": mode, "axes": [2, 3], "antialias": 1, "exclude_outside": outside},
            opsets=(18, 99),
        )
        for outside in (0, 1)
        for mode in ("linear", "cubic")
        for sizes in ((4, 3), (5, 8), (18, 5))
    ),
    Case(
        "Resize",
        image(4, 6),
        {"r": rand(0), "s": np.array([1, 1, 0.5, 1.5], np.float32)},
        {"mode": "linear", "coordinate_transformation_mode": "half_pixel_symmetric"},
        opsets=(19, 99),
    ),
    Case("Resize", image(5, 6), {"s": np.array([1, 1, 2, 3], np.float32)}, opsets=(10,)),
    Case("Resize", image(6, 6), {"s": np.array([1, 1, 0.5, 0.5], np.float32)}, opsets=(10,)),
    Case("Resize", image(5, 6), {"s": np.array([1, 1, 2, 3], np.float32)}, {"mode": "linear"}, opsets=(10,)),
    Case("Upsample", image(5, 6), attributes={"scales": [1.0, 1.0, 2.0, 3.0]}, opsets=(7, 8)),
    Case("Upsample", image(5, 6), {"s": np.array([1, 1, 2, 2], np.float32)}, {"mode": "linear"}, opsets=(9,)),
]
RESAMPLING = [
    Case("Expand", image(5, 1), {"s": ints(1, 4, 5, 3)}, opsets=(8, 13, 99)),
    Case("Expand", image(5, 1), {"s": ints(3)}, opsets=(8, 13, 99)),
    Case("Expand", image(5, 1), {"s": ints(1, 1)}, opsets=(8, 13, 99)),
    Case("Tile", image(5, 2), {"s": ints(1, 2, 1, 3)}),
    Case("Tile", image(5, 2), {"s": ints(1, 1, 1, 1)}),
    Case("Gather", image(5, 2), {"i": ints(3, 1, -1, 3)}, {"axis": 1}),
    Case("Gather", image(5, 2), {"i": ints(1, 2)}, {"axis": -2}),
    Case("Gather", image(5, 2), {"i": np.array(-2)}, {"axis": 1}),
    Case("Gather", image(5, 2), {"i": ints(0, 2, 1, 3).reshape(2, 2)}, {"axis": 2}),
    Case("Gather", (5,), {"w": rand(7, 3)}, order=("w", "x"), kinds=(INT64, FLOAT)),
    Case("Gather", (2, 5), {"w": rand(7)}, {"axis": 0}, order=("w", "x"), kinds=(INT32, FLOAT)),
    Case("DepthToSpace", (8, 3, 2), attributes={"blocksize": 2}),
    Case(
        "OneHot",
        (5, 3),
        {"d": np.array(4), "v": f32(0) + np.array([0, 1], np.float32)},
        kinds=(INT64, FLOAT),
        opsets=(9, 11, 99),
    ),
    Case(
        "OneHot",
        (5, 3),
        {"d": ints(4), "v": np.array([-1, 2.5], np.float32)},
        {"axis": 1},
        kinds=(INT64, FLOAT),
        opsets=(9, 11, 99),
    ),
    *(
        Case("GatherElements", image(5, 5), {}, {"axis": axis}, (11, 13, 99), ("raw", "x"), kinds=(INT64, FLOAT))
        for axis in (1, -1)
    ),
    Case("GridSample", (3, 4, 2), attributes={"align_corners": 1}, order=("x", "x"), opsets=(16, 20, 22, 99)),
    Case("Scatter", image(5, 5), {}, {"axis": 1}, (9, 10), ("raw", "x", "raw"), kinds=(INT64, FLOAT)),
    *(
        Case("ScatterElements", image(5, 5), {}, a, opsets, ("raw", "x", "raw"), kinds=(INT64, FLOAT))
        for a, opsets in (
            ({"axis": 1}, (11, 13, 99)),
            ({"axis": -1}, (11, 13, 99)),
            *(({"axis": 2, "reduction": name}, (16, 18, 99)) for name in ("add", "mul")),
            *(({"axis": 3, "reduction": name}, (18, 99)) for name in ("max", "min")),
        )
    ),
    Case("CumSum", image(5, 5), {"a": np.array(-1)}, opsets=(11, 14, 99)),
    Case("CumSum", image(5, 5), {"a": np.array(1)}, {"exclusive": 1}, opsets=(11, 14, 99)),
    Case("CumSum", image(5, 5), {"a": ints(2)}, {"exclusive": 1, "reverse": 1}, opsets=(11, 14, 99)),
    Case("Trilu", image(5, 6), opsets=(14, 99)),
    Case("Trilu", image(5, 6), {"k": np.array(-1)}, {"upper": 0}, opsets=(14, 99)),
    Case("DepthToSpace", (8, 3, 2), attributes={"blocksize": 2, "mode": "CRD"}, opsets=(11, 18, 99)),
    Case("SpaceToDepth", (2, 4, 6), attributes={"blocksize": 2}),
]
