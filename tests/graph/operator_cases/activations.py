"""Activations and other functions of one operand, element by element."""

from __future__ import annotations

import numpy as np

from operator_cases.case import Case, f32, image, rand

ACTIVATION = [
    Case("Relu", image(5, 5)),
    Case("Clip", image(5, 5), attributes={"min": -0.5, "max": 0.5}, opsets=(7, 10)),
    Case("Clip", image(5, 5), attributes={"min": 0.0, "max": 6.0}, opsets=(7, 10)),
    Case("Clip", image(5, 5), attributes={"min": 0.0}, opsets=(7, 10)),
    Case("Clip", image(5, 5), attributes={"max": 0.25}, opsets=(7, 10)),
    Case("Clip", image(5, 5), attributes={}, opsets=(7, 11, 18)),
    Case("Clip", image(5, 5), {"low": f32(-0.5), "high": f32(0.5)}, opsets=(11, 12, 13, 99)),
    Case("Clip", image(5, 5), {"low": f32(0), "high": f32(0.6)}, opsets=(11, 99)),
    Case("Clip", image(5, 5), {"low": None, "high": f32(0.25)}, opsets=(11, 99)),
    Case("Clip", image(5, 5), {"low": f32(-0.25)}, opsets=(11, 99)),
    Case("Clip", image(5, 5), {"low": f32(0), "high": f32(np.inf)}, opsets=(13,)),
    Case("LeakyRelu", image(5, 5)),
    Case("LeakyRelu", image(5, 5), attributes={"alpha": 0.3}),
    Case("PRelu", image(5, 5), {"slope": rand(4, 1, 1)}),
    Case("PRelu", image(5, 5), {"slope": rand(1)}),
    Case("PRelu", image(5, 5), {"slope": rand(1, 4, 1, 1)}),
    Case("PRelu", image(5, 5), {"slope": rand(5)}),
    Case("Sigmoid", image(5, 5)),
    Case("HardSigmoid", image(5, 5)),
    Case("HardSigmoid", image(5, 5), attributes={"alpha": 1 / 6, "beta": 0.5}),
    Case("HardSwish", image(5, 5), opsets=(14, 18, 99)),
    *(
        Case(operator, shape, attributes=attributes)
        for operator in ("Softmax", "LogSoftmax")
        for shape, attributes in (
            ((6,), {}),
            (image(5, 3), {"axis": 1}),
            (image(5, 3), {"axis": 2}),
            (image(5, 3), {"axis": -1}),
        )
    ),
    Case("Gelu", image(5, 5), opsets=(20, 99)),
    Case("Gelu", image(5, 5), attributes={"approximate": "tanh"}, opsets=(20, 99)),
    Case("Gelu", image(5, 5), opsets=(17,), domain="com.microsoft"),
    Case("BiasGelu", image(5, 5), {"b": rand(5)}, opsets=(17,), domain="com.microsoft"),
    Case("FastGelu", image(5, 5), {"b": rand(5)}, opsets=(17,), domain="com.microsoft"),
    Case("FastGelu", image(5, 5), opsets=(17,), domain="com.microsoft"),
    Case("QuickGelu", image(5, 5), opsets=(17,), domain="com.microsoft"),
    Case("QuickGelu", image(5, 5), attributes={"alpha": 1.0}, opsets=(17,), domain="com.microsoft"),
    Case("Swish", image(5, 5), opsets=(24, 99), judged_at=24),
    Case("Swish", image(5, 5), attributes={"alpha": 0.7}, opsets=(24, 99), judged_at=24),
    Case("Mish", image(5, 5), opsets=(18, 99)),
    Case("Elu", image(5, 5)),
    Case("Elu", image(5, 5), attributes={"alpha": 0.3}),
    Case("Celu", image(5, 5), opsets=(12, 99)),
    Case("Celu", image(5, 5), attributes={"alpha": 0.3}, opsets=(12, 99)),
    Case("Selu", image(5, 5)),
    Case("Selu", image(5, 5), attributes={"alpha": 2.0, "gamma": 3.0}),
    Case("Softplus", image(5, 5)),
    Case("Softsign", image(5, 5)),
    Case("Tanh", image(5, 5)),
    Case("Shrink", image(5, 5), opsets=(9, 99)),
    Case("Shrink", image(5, 5), attributes={"lambd": 0.8, "bias": 0.3}, opsets=(9, 99)),
    *(Case(operator, image(5, 5)) for operator in ("Abs", "Ceil", "Exp", "Floor", "Reciprocal", "Sin", "Cos")),
    *(Case(operator, image(5, 5), opsets=(9, 13, 99)) for operator in ("Erf", "Sign")),
    *(Case(operator, image(5, 5), before="Abs") for operator in ("Log", "Sqrt")),
    *(Case(operator, image(5, 5), opsets=(9, 99)) for operator in ("Asinh", "Atan", "Cosh", "Sinh", "Tan")),
    *(Case(operator, image(5, 5), before="Tanh") for operator in ("Acos", "Asin")),
    *(
        Case(operator, image(5, 5), opsets=(9, 99), before=before)
        for operator, before in (("Acosh", "Cosh"), ("Atanh", "Sin"))
    ),
    Case("Round", image(5, 5), opsets=(11, 99)),
    *(Case("Pow", image(5, 5), {"e": f32(exponent)}) for exponent in (2, 3, 1, -1, -2)),
    *(Case("Pow", image(5, 5), {"e": f32(exponent)}, before="Abs") for exponent in (0.5, 0.3, -0.25)),
    Case("Pow", image(5, 5), {"e": np.full((4, 1, 1), 2, np.float32)}),
    Case("Pow", image(5, 5), {"base": f32(2)}, order=("base", "x")),
    Case("Pow", image(5, 5), {"base": np.abs(rand(4, 1, 1)) + 0.1}, order=("base", "x")),
]
