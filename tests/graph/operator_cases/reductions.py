"""Pooling, and reductions along axes; the largest and smallest."""

from __future__ import annotations

from operator_cases.case import Case, f32, image, ints, rand

POOL = [
    case
    for operator in ("MaxPool", "AveragePool")
    for case in (
        Case(operator, image(7, 6), attributes={"kernel_shape": [2, 2], "strides": [2, 2]}),
        Case(operator, image(7, 6), attributes={"kernel_shape": [3, 2]}),
        Case(
            operator,
            image(7, 6),
            attributes={"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2]},
        ),
        Case(
            operator,
            image(7, 6),
            attributes={"kernel_shape": [3, 3], "pads": [2, 0, 1, 2], "strides": [2, 3]},
        ),
        Case(
            operator,
            image(7, 6),
            attributes={"kernel_shape": [3, 4], "auto_pad": "SAME_UPPER", "strides": [2, 2]},
        ),
        Case(
            operator,
            image(7, 6),
            attributes={"kernel_shape": [3, 4], "auto_pad": "SAME_LOWER", "strides": [2, 2]},
        ),
        Case(operator, image(7, 6), attributes={"kernel_shape": [3, 3], "auto_pad": "VALID", "strides": [2, 2]}),
        Case(
            operator,
            image(7, 6),
            attributes={"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
            opsets=(10, 18, 99),
        ),
        Case(
            operator,
            image(7, 6),
            attributes={"kernel_shape": [2, 3], "strides": [3, 4], "ceil_mode": 1, "pads": [1, 1, 1, 2]},
            opsets=(10, 18, 99),
        ),
        Case(operator, image(9), attributes={"kernel_shape": [3], "strides": [2], "pads": [1, 0]}),
        Case(operator, image(5, 4, 6), attributes={"kernel_shape": [2, 3, 2], "pads": [1, 0, 1, 0, 1, 0]}),
    )
] + [
    Case("MaxPool", image(9, 9), attributes={"kernel_shape": [3, 2], "dilations": [2, 3]}, opsets=(10, 18, 99)),
    Case(
        "MaxPool",
        image(9, 9),
        attributes={
            "kernel_shape": [3, 2],
            "dilations": [2, 3],
            "pads": [2, 1, 1, 1],
            "ceil_mode": 1,
            "strides": [2, 2],
        },
        opsets=(10, 18, 99),
    ),
    Case(
        "AveragePool",
        image(7, 6),
        attributes={"kernel_shape": [3, 3], "pads": [1, 2, 0, 1], "count_include_pad": 1, "strides": [2, 1]},
    ),
    Case(
        "AveragePool",
        image(7, 6),
        attributes={
            "kernel_shape": [3, 2],
            "pads": [1, 1, 1, 1],
            "count_include_pad": 1,
            "ceil_mode": 1,
            "strides": [2, 2],
        },
        opsets=(18, 22, 99),
    ),
    Case("AveragePool", image(7, 6), attributes={"kernel_shape": [2, 2], "dilations": [1, 1]}, opsets=(19, 99)),
    Case("GlobalAveragePool", image(5, 6)),
    Case("GlobalAveragePool", image(5)),
    Case("GlobalMaxPool", image(5, 6)),
    Case("GlobalMaxPool", image(3, 4, 2)),
    Case("ReduceMean", image(5, 6), attributes={"axes": [2, 3]}, opsets=(7, 13)),
    Case("ReduceMean", image(5, 6), attributes={"axes": [-1, 1], "keepdims": 0}, opsets=(7, 13)),
    Case("ReduceMean", image(5, 6), {"a": ints(2, 3)}, opsets=(18, 99)),
    Case("ReduceMean", image(5, 6), {"a": ints(-1)}, {"keepdims": 0}, opsets=(18, 99)),
    Case("ReduceMean", image(5, 6), {}, {"noop_with_empty_axes": 1}, opsets=(18, 99)),
]
REDUCTION = [
    Case("ReduceSum", image(5, 6), attributes={"axes": [2, 3]}, opsets=(7, 12)),
    Case("ReduceSum", image(5, 6), {"a": ints(-1, 1)}, {"keepdims": 0}, opsets=(13, 18, 99)),
    Case("ReduceSum", image(5, 6), {}, {"noop_with_empty_axes": 1}, opsets=(13, 18, 99)),
    *(
        case
        for operator in ("ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp")
        for case in (
            Case(operator, image(5, 6), attributes={"axes": [2, 3]}, opsets=(7, 13)),
            Case(operator, image(5, 6), attributes={"axes": [-1, 1], "keepdims": 0}, opsets=(7, 13)),
            Case(operator, image(5, 6), {"a": ints(2, 3)}, opsets=(18, 99)),
            Case(operator, image(5, 6), {"a": ints(-1)}, {"keepdims": 0}, opsets=(18, 99)),
        )
    ),
    Case("ReduceMin", image(5, 6), {}, {"noop_with_empty_axes": 1}, opsets=(18, 99)),
    Case("ReduceLogSum", image(5, 6), attributes={"axes": [2, 3]}, opsets=(7, 13), before="Abs"),
    Case("ReduceLogSum", image(5, 6), {"a": ints(-1)}, {"keepdims": 0}, opsets=(18, 99), before="Abs"),
    *(
        case
        for operator in ("ArgMax", "ArgMin")
        for case in (
            Case(operator, image(5, 6), attributes={"axis": 1}, integers=("y",)),
            Case(operator, image(5, 6), attributes={"axis": -1, "keepdims": 0}, integers=("y",)),
        )
    ),
    Case("TopK", image(5, 6), attributes={"k": 2, "axis": 1}, opsets=(7, 9), outputs=("y", "z"), integers=("z",)),
    Case("TopK", image(5, 6), {"k": ints(2)}, {"axis": 2}, opsets=(10, 99), outputs=("y", "z"), integers=("z",)),
    Case("TopK", image(5, 6), {"k": ints(6)}, {"largest": 0}, (11, 24, 99), outputs=("y", "z"), integers=("z",)),
    Case("TopK", image(5, 6), {"k": ints(2)}, opsets=(11, 99), outputs=("y", "_z")),
    Case("TopK", image(5, 6), {"k": ints(2)}, opsets=(11, 99), outputs=("_y", "z"), integers=("z",)),
    Case("ReduceMax", image(5, 6), attributes={"axes": [2, 3]}, opsets=(7, 13)),
    Case("ReduceMax", image(5, 6), attributes={"axes": [2, 3], "keepdims": 0}, opsets=(7, 13)),
    Case("ReduceMax", image(5, 6), {"a": ints(1)}, opsets=(18, 99)),
    Case("ReduceMax", image(5, 6), {"a": ints(-1, 1)}, {"keepdims": 0}, opsets=(18, 99)),
    *(
        case
        for operator in ("Max", "Min")
        for case in (
            Case(operator, image(5, 6), order=("x", "x")),
            Case(operator, image(5, 6), order=("x", "x", "x"), opsets=(8, 13, 99)),
            Case(operator, image(5, 6), order=("x",)),
            Case(operator, image(5, 6), {"c": f32(0)}, opsets=(8, 13, 99)),
            Case(operator, image(5, 6), {"c": rand(1)}, order=("c", "x"), opsets=(8, 13, 99)),
            Case(operator, image(5, 6), {"c": rand(4, 1, 1)}, opsets=(8, 13, 99)),
            Case(operator, image(5, 1), {"c": rand(1, 1, 5, 6)}, order=("c", "x"), opsets=(8, 13, 99)),
            Case(operator, image(5, 6), {"c": rand(6), "d": f32(0)}, order=("d", "x", "c", "x"), opsets=(8, 99)),
        )
    ),
]
