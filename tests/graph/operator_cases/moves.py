"""What passes values on, changed in nothing but place, shape or type."""

from __future__ import annotations

import numpy as np

from operator_cases.case import BOOL, FLOAT, INT32, INT64, Case, f32, image, ints

PASSING = [
    Case("Identity", image(5, 5)),
    Case("Dropout", image(5, 5)),
    Case("Dropout", image(5, 5), attributes={"ratio": 0.9}, opsets=(7, 10)),
    Case("Dropout", image(5, 5), {"ratio": f32(0.9), "train": np.array(False)}, opsets=(12, 18, 99)),
    Case("Cast", image(5, 5), attributes={"to": 1}, opsets=(9, 18, 99)),
    Case("CastLike", image(5, 5), {"like": f32(1)}, opsets=(15, 18, 99)),
    Case("CastLike", image(5, 5), {"like": np.array(1)}, kinds=(FLOAT, INT64), opsets=(15, 18, 99)),
    *(
        Case("Cast", image(5, 5), attributes={"to": to}, kinds=(of, to), opsets=(9, 18, 99))
        for of in (FLOAT, INT32, INT64, BOOL)
        for to in (INT32, INT64, BOOL)
    ),
]
JOIN = [
    Case("Concat", image(5, 5), attributes={"axis": 1}, order=("x", "x")),
    Case("Concat", image(5, 5), attributes={"axis": 2}, order=("x",)),
    Case("Concat", image(5, 5), attributes={"axis": -1}, order=("x", "x", "x")),
    Case("Split", image(5, 5), attributes={"axis": 1, "split": [1, 3]}, outputs=("y", "z"), opsets=(7, 12)),
    Case("Split", image(5, 5), attributes={"axis": -3}, outputs=("y", "z"), opsets=(7, 12, 13)),
    Case("Split", image(5, 5), {"parts": ints(1, 3)}, {"axis": 1}, outputs=("y", "z"), opsets=(13, 18, 99)),
    Case("Split", image(5, 5), attributes={"axis": 2, "num_outputs": 2}, outputs=("y", "z"), opsets=(18, 99)),
    Case("Split", image(5, 5), {"parts": ints(2, 1, 1)}, {"axis": 1}, outputs=("_a", "z", "_b"), opsets=(13,)),
]
SLICE = [
    Case("Slice", image(7, 6), attributes={"starts": [1, 0], "ends": [3, 4], "axes": [1, 3]}, opsets=(7, 9)),
    Case("Slice", image(7, 6), attributes={"starts": [0, 1, 2], "ends": [9999999999, 3, -1]}, opsets=(7, 9)),
    Case(
        "Slice",
        image(7, 6),
        {"s": ints(1, -4), "e": ints(3, 2**63 - 1), "a": ints(1, -2)},
        opsets=(10, 18, 99),
    ),
    Case("Slice", image(7, 6), {"s": ints(1), "e": ints(100), "a": ints(2), "t": ints(2)}, opsets=(10, 18, 99)),
    Case("Slice", image(7, 6), {"s": ints(0, 1), "e": ints(2**31 - 1, 3), "a": None, "t": None}, opsets=(13,)),
    Case("Slice", image(7, 6), {"s": ints(0), "e": ints(2**63 - 1), "a": ints(0)}, opsets=(13,)),
    Case("Slice", image(7, 6), {"s": ints(-100), "e": ints(-2), "a": ints(3)}, opsets=(13,)),
    Case("Slice", image(7, 6), {"s": ints(-1), "e": ints(-(2**63)), "a": ints(3), "t": ints(-1)}, opsets=(10, 13)),
    Case("Slice", image(7, 6), {"s": ints(9, 1), "e": ints(0, 5), "a": ints(2, 3), "t": ints(-2, 2)}, opsets=(13,)),
    Case(
        "Slice",
        image(7, 6),
        {"s": np.array([1], np.int32), "e": np.array([3], np.int32), "a": np.array([2], np.int32)},
    ),
]
SLICE[-1].opsets = (10, 18)
PAD = [
    Case("Pad", image(5, 6), attributes={"pads": [0, 0, 1, 2, 0, 0, 0, 3], "value": 0.5}, opsets=(7, 10)),
    Case("Pad", image(5, 6), attributes={"pads": [0, 1, 0, 0, 0, 2, 0, 0]}, opsets=(7, 10)),
    Case("Pad", image(5, 6), {"p": ints(0, 0, 1, 2, 0, 0, 0, 3), "v": f32(-1.5)}, opsets=(11, 18, 99)),
    Case("Pad", image(5, 6), {"p": ints(0, 0, -1, 2, 0, 0, 0, -3)}, opsets=(11, 18, 99)),
    Case("Pad", image(5, 6), {"p": ints(0, 0, 0, 0, 0, 0, 0, 0)}, opsets=(11, 18)),
    Case("Pad", image(5, 6), {"p": ints(2, 1), "v": None, "a": ints(2)}, opsets=(18, 99)),
    Case("Pad", image(5, 6), {"p": ints(2, 1, 0, 3), "v": f32(1), "a": ints(-1, 1)}, opsets=(18, 99)),
    *(
        Case("Pad", image(5, 6), {"p": ints(*pads)}, {"mode": mode}, opsets=opsets, same=mode != "wrap")
        for mode, opsets in (("reflect", (11, 18, 99)), ("edge", (11, 18, 99)), ("wrap", (19, 99)))
        for pads in ((0, 0, 1, 2, 0, 0, 0, 3), (0, 2, 0, 1, 0, 1, 0, 0), (0, 0, 4, 0, 0, 0, 4, 0))
    ),
    Case("Pad", image(5), attributes={"mode": "reflect", "pads": [0, 0, 2, 0, 0, 1]}, opsets=(7, 10)),
    Case("Pad", image(5, 6), {"p": ints(0, 0, 9, 0, 0, 0, 0, 7)}, {"mode": "edge"}, opsets=(13,)),
]
SHAPE = [
    Case("Flatten", image(5, 6)),
    Case("Flatten", image(5, 6), attributes={"axis": 2}),
    Case("Flatten", image(5, 6), attributes={"axis": 4}),
    Case("Flatten", image(5, 6), attributes={"axis": -1}, opsets=(11, 18, 99)),
    Case("Flatten", image(5, 6), attributes={"axis": -3}, opsets=(11, 18, 99)),
    Case("Flatten", ()),
    Case("Reshape", image(5, 6), {"s": ints(0, -1)}),
    Case("Reshape", image(5, 6), {"s": ints(-1, 120)}),
    Case("Reshape", image(5, 6), {"s": ints(0, 2, -1, 6)}),
    Case("Reshape", image(5, 6), {"s": ints(-1, 5, 6)}),
    Case("Reshape", image(5, 6), {"s": ints(-1)}),
    Case("Reshape", image(5, 6), {"s": ints(-1, 4, 5, 6)}, {"allowzero": 1}, opsets=(14, 99)),
    Case("Transpose", image(5, 6), attributes={"perm": [0, 2, 3, 1]}),
    Case("Transpose", image(5, 6), attributes={"perm": [0, 1, 2, 3]}),
    Case("Squeeze", (1, 5, 1), attributes={"axes": [1]}, opsets=(7, 12)),
    Case("Squeeze", (1, 5, 1), {"a": ints(-1, 1)}, opsets=(13, 18, 99)),
    Case("Unsqueeze", (5,), attributes={"axes": [1, 3]}, opsets=(7, 12)),
    Case("Unsqueeze", (5, 2), attributes={"axes": [-1]}, opsets=(11, 12)),
    Case("Unsqueeze", (5,), {"a": ints(-1, 1)}, opsets=(13, 18, 99)),
]
