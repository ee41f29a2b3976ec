"""Arithmetic, comparisons, logic, choices."""

from __future__ import annotations

import numpy as np

from operator_cases.case import BOOL, FLOAT, INT64, Case, f32, image, ints, rand

ARITHMETIC = [
    case
    for operator in ("Add", "Sub", "Mul", "Div")
    for case in (
        Case(operator, image(5, 5), {"c": rand(4, 1, 1) + 3}),
        Case(operator, image(5, 5), {"c": rand(4, 1, 1) + 3}, order=("c", "x")),
        Case(operator, image(5, 5), {"c": f32(2.5)}),
        Case(operator, image(5, 5), {"c": rand(1, 4, 5, 5) + 3}),
        Case(operator, image(5, 1), {"c": rand(5) + 3}),
        Case(operator, image(5, 5), order=("x", "x")),
    )
]
ARITHMETIC.append(Case("Neg", image(5, 5)))
ARITHMETIC += [
    case
    for operator in ("Sum", "Mean")
    for case in (
        Case(operator, image(5, 5), order=("x",)),
        Case(operator, image(5, 5), order=("x", "x")),
        Case(operator, image(5, 5), {"c": rand(4, 1, 1)}, order=("c", "x", "x", "x"), opsets=(8, 99)),
        Case(operator, image(5, 1), {"c": rand(1, 1, 5, 6), "d": f32(2)}, opsets=(8, 99)),
    )
]
SELECTION = [
    *(
        case
        for operator in ("Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual")
        for opsets in [(11, 13, 99) if operator in ("Equal", "Greater", "Less") else (12, 16, 99)]
        for case in (
            Case(operator, image(5, 5), {"c": rand(4, 1, 5)}, kinds=(FLOAT, BOOL), opsets=opsets),
            Case(operator, image(5, 5), {"c": rand(4, 1, 5)}, order=("c", "x"), kinds=(FLOAT, BOOL), opsets=opsets),
            Case(operator, image(5, 5), {"c": f32(-np.inf)}, kinds=(FLOAT, BOOL), opsets=opsets),
            Case(operator, image(5, 5), order=("x", "x"), kinds=(FLOAT, BOOL), opsets=opsets),
        )
    ),
    Case("Div", image(5, 5), {"c": ints(3, -2, 2, 1, 2)}, kinds=(INT64, INT64)),
    Case("Equal", image(5, 5), {"c": ints(0, 1, -1, 0, 2)}, kinds=(INT64, BOOL), opsets=(11, 13, 99)),
    *(
        case
        for operator in ("And", "Or", "Xor")
        for case in (
            Case(operator, image(5, 5), {"c": rand(5) > 0}, kinds=(BOOL, BOOL)),
            Case(operator, image(5, 5), order=("x", "x"), kinds=(BOOL, BOOL)),
        )
    ),
    Case("Not", image(5, 5), kinds=(BOOL, BOOL)),
    Case("IsNaN", image(5, 5), kinds=(FLOAT, BOOL), opsets=(9, 13, 99)),
    Case("IsInf", image(5, 5), kinds=(FLOAT, BOOL), opsets=(10, 20, 99)),
    Case("IsInf", image(5, 5), attributes={"detect_positive": 0}, kinds=(FLOAT, BOOL), opsets=(10, 20)),
    Case("Where", image(5, 5), {"c": rand(4, 1, 5) > 0, "o": rand(5)}, order=("c", "x", "o"), opsets=(9, 16, 99)),
    Case("Where", image(5, 5), {"c": rand(4, 1, 5) > 0, "o": rand(5)}, order=("c", "o", "x"), opsets=(9, 16, 99)),
    Case("Where", image(1, 5), {"c": rand(4, 3, 5) > 0}, order=("c", "x", "x"), opsets=(9, 16, 99)),
    Case("Where", image(5, 5), {"a": rand(4, 1, 5), "o": f32(2)}, kinds=(BOOL, FLOAT), opsets=(9, 16, 99)),
    Case("Where", image(5, 5), {"a": ints(3), "o": ints(-2)}, kinds=(BOOL, INT64), opsets=(9, 16, 99)),
]
