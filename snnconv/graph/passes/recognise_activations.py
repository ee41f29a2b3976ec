"""Recognise activation functions that files write operator by operator, in any order of factors and terms.

    GELU         x·(1 + erf(x/√2))/2
    by tanh      x·(1 + tanh(u))/2 = x·sigmoid(2u),  u = √(2/π)·(x + 0.044715·x³)
    SiLU         x·sigmoid(x) = x/(1 + exp(-x))
    Swish        x·sigmoid(slope·x); with the slope 1.702 it is called quick GELU
    Mish         x·tanh(softplus(x))
    softplus     log(1 + exp(slope·x))/slope, from 20 on slope·x/slope
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
from snnconv.graph.selection import Comparison, Where

__all__ = ["recognise_activations"]

X = Operand("x")
CUBIC = 0.044715
OUTER = math.sqrt(2 / math.pi)
LINEAR_ABOVE = 20  # softplus is linear there to the last digit of float32
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


def _softplus(found: Match, shape: tuple[int, ...]) -> Sequence[nn.Module] | None:
    slope, inverse = found.number("slope"), found.number("inverse")
    if slope is None or inverse is None or not math.isclose(slope * inverse, 1, rel_tol=1e-6):
        return None
    return [nn.Softplus(slope)]


def _is_plain(module: nn.Softplus) -> bool:
    return module.beta == 1 and module.threshold >= LINEAR_ABOVE


def _chooses_activations(module: Where) -> bool:
    return not any(map(module.holds, module.NAMES))


def _is_linear_above(module: Comparison) -> bool:
    constant = module.constant
    is_greater = module.function == "greater" and not module.constant_first
    return is_greater and constant is not None and bool((constant >= LINEAR_ABOVE).all())


SCALED = Product(((X, 1.0),), "slope")
GELU = _half(_function("erf", _times(math.sqrt(0.5), X)))
BY_TANH = _half(Call(nn.Tanh, (_cubic(OUTER),)))
BY_SIGMOID = _times(1.0, X, Call(nn.Sigmoid, (_cubic(2 * OUTER),)))
SILU = _times(1.0, X, Call(nn.Sigmoid, (X,)))
BY_EXPONENTIAL = Product(((X, 1.0), (Sum((_function("exp", _times(-1.0, X)),), 1.0), -1.0)))
SWISH = _times(1.0, X, Call(nn.Sigmoid, (SCALED,)))
MISH = _times(1.0, X, Call(nn.Tanh, (Call(nn.Softplus, (X,), _is_plain),)))
SOFTPLUS = Product(((Call(nn.Softplus, (SCALED,), _is_plain), 1.0),), "inverse")
IN_PIECES = Call(
    Where,
    (Call(Comparison, (SCALED,), _is_linear_above), X, SOFTPLUS),
    lambda module: not any(map(module.holds, module.NAMES)),
)
HARD_SWISH = Either((_times(1 / 6, X, CLIPPED), _times(1.0, X, Call(nn.Hardsigmoid, (X,)))))

RULES = (
    Rule(GELU, lambda found, shape: [nn.GELU()]),
    Rule(Either((BY_TANH, BY_SIGMOID)), lambda found, shape: [nn.GELU(approximate="tanh")]),
    Rule(Either((SILU, BY_EXPONENTIAL)), lambda found, shape: [nn.SiLU()]),
    Rule(SWISH, _swish),
    Rule(MISH, lambda found, shape: [nn.Mish()]),
    Rule(Either((IN_PIECES, SOFTPLUS)), _softplus),
    Rule(HARD_SWISH, lambda found, shape: [nn.Hardswish()]),
    Rule(_times(1 / 6, CLIPPED), lambda found, shape: [nn.Hardsigmoid()]),
)

recognise_activations = recognition("recognise_activations", "an activation", RULES)
