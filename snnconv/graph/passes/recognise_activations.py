"""Recognise activation functions that files write operator by operator, in any order of factors and terms.

    GELU         x·(1 + erf(x/√2))/2
    by tanh      x·(1 + tanh(u))/2 = x·sigmoid(2u),  u = √(2/π)·(x + 0.044715·x³)
    SiLU         x·sigmoid(x) = x/(1 + exp(-x))
    Swish        x·sigmoid(slope·x); with the slope 1.702 it is called quick GELU
    Mish         x·tanh(softplus(x))
    hard-swish   x·relu6(x + 3)/6
    hard-sigmoid relu6(x + 3)/6

The constants may have as many digits as a file gives them, or be rounded to 16 bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

from snnconv.graph.elementwise import Elementwise, Swish
from snnconv.graph.passes.recognition import Rule, recognition
from snnconv.graph.patterns import Call, Either, Match, Operand, Pattern, Product, Sum

__all__ = ["recognise_activations"]

X = Operand("x")
CUBIC = 0.044715
OUTER = math.sqrt(2 / math.pi)
CLIPPED = Call(nn.ReLU6, (Sum((X,), 3.0),))


def _function(name: str, operand: Pattern) -> Call:
    return Call(Elementwise, (operand,), lambda module: module.function == name)


def _times(factor: float, *factors: Pattern) -> Product:
    return Product(tuple((each, 1.0) for each in factors), factor)


def _half(function: Pattern) -> Pattern:
    """`x·(1 + function)/2`."""
    halves = Sum((_times(0.5, function),), 0.5)
    return Either((_times(0.5, X, Sum((function,), 1.0)), _times(1.0, X, halves)))


def _cubic(factor: float) -> Pattern:
    """`factor·(x + 0.044715·x³)`."""
    outside = _times(factor, Sum((X, Product(((X, 3.0),), CUBIC))))
    with_x = _times(factor, X, Sum((Product(((X, 2.0),), CUBIC),), 1.0))
    inside = Sum((_times(factor, X), Product(((X, 3.0),), factor * CUBIC)))
    return Either((outside, with_x, inside))


def _swish(found: Match, shape: tuple[int, ...]) -> Sequence[nn.Module] | None:
    slope = found.number("slope")
    return None if slope is None else [Swish(slope)]


GELU = _half(_function("erf", _times(math.sqrt(0.5), X)))
BY_TANH = _half(Call(nn.Tanh, (_cubic(OUTER),)))
BY_SIGMOID = _times(1.0, X, Call(nn.Sigmoid, (_cubic(2 * OUTER),)))
SILU = _times(1.0, X, Call(nn.Sigmoid, (X,)))
BY_EXPONENTIAL = Product(((X, 1.0), (Sum((_function("exp", _times(-1.0, X)),), 1.0), -1.0)))
SWISH = _times(1.0, X, Call(nn.Sigmoid, (Product(((X, 1.0),), "slope"),)))
SOFTPLUS = Call(nn.Softplus, (X,), lambda module: module.beta == 1 and module.threshold >= 20)
MISH = _times(1.0, X, Call(nn.Tanh, (SOFTPLUS,)))
HARD_SWISH = Either((_times(1 / 6, X, CLIPPED), _times(1.0, X, Call(nn.Hardsigmoid, (X,)))))

RULES = (
    Rule(GELU, lambda found, shape: [nn.GELU()]),
    Rule(Either((BY_TANH, BY_SIGMOID)), lambda found, shape: [nn.GELU(approximate="tanh")]),
    Rule(Either((SILU, BY_EXPONENTIAL)), lambda found, shape: [nn.SiLU()]),
    Rule(SWISH, _swish),
    Rule(MISH, lambda found, shape: [nn.Mish()]),
    Rule(HARD_SWISH, lambda found, shape: [nn.Hardswish()]),
    Rule(_times(1 / 6, CLIPPED), lambda found, shape: [nn.Hardsigmoid()]),
)

recognise_activations = recognition("recognise_activations", "an activation", RULES)
