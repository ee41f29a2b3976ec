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
from snnconv.graph.patterns import Either, Match, ModuleCall, Operand, Pattern, Product, Sum
from snnconv.graph.selection import Relation, Where

__all__ = ["recognise_activations"]

X = Operand("x")
CUBIC = 0.044715
OUTER = math.sqrt(2 / math.pi)
LINEAR_ABOVE = 20  # softplus is linear there to the last digit of float32
CLIPPED = ModuleCall(nn.ReLU6, (Sum((X,), 3.0),))


def _function(name: str, operand: Pattern) -> ModuleCall:
    return ModuleCall(Elementwise, (operand,), lambda module: module.function == name)


def _times(constant: float, *factors: Pattern) -> Product:
    return Product(tuple((factor, 1.0) for factor in factors), constant)


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


def _swish(match: Match, shape: tuple[int, ...]) -> Sequence[nn.Module] | None:
    slope = match.number("slope")
    return None if slope is None else [Swish(slope)]


def _softplus(match: Match, shape: tuple[int, ...]) -> Sequence[nn.Module] | None:
    slope, inverse = match.number("slope"), match.number("inverse")
    if slope is None or inverse is None or not math.isclose(slope * inverse, 1, rel_tol=1e-6):
        return None
    return [nn.Softplus(slope)]


def _is_plain(module: nn.Softplus) -> bool:
    return module.beta == 1 and module.threshold >= LINEAR_ABOVE


def _chooses_activations(module: Where) -> bool:
    return not any(map(module.holds, module.NAMES))


def _is_linear_above(module: Relation) -> bool:
    constant = module.constant
    is_greater = module.function == "greater" and not module.constant_first
    return is_greater and constant is not None and bool((constant >= LINEAR_ABOVE).all())


SCALED = Product(((X, 1.0),), "slope")
GELU = _half(_function("erf", _times(math.sqrt(0.5), X)))
BY_TANH = _half(ModuleCall(nn.Tanh, (_cubic(OUTER),)))
BY_SIGMOID = _times(1.0, X, ModuleCall(nn.Sigmoid, (_cubic(2 * OUTER),)))
SILU = _times(1.0, X, ModuleCall(nn.Sigmoid, (X,)))
BY_EXPONENTIAL = Product(((X, 1.0), (Sum((_function("exp", _times(-1.0, X)),), 1.0), -1.0)))
SWISH = _times(1.0, X, ModuleCall(nn.Sigmoid, (SCALED,)))
MISH = _times(1.0, X, ModuleCall(nn.Tanh, (ModuleCall(nn.Softplus, (X,), _is_plain),)))
SOFTPLUS = Product(((ModuleCall(nn.Softplus, (SCALED,), _is_plain), 1.0),), "inverse")
IN_PIECES = ModuleCall(
    Where,
    (ModuleCall(Relation, (SCALED,), _is_linear_above), X, SOFTPLUS),
    lambda module: not any(map(module.holds, module.NAMES)),
)
HARD_SWISH = Either((_times(1 / 6, X, CLIPPED), _times(1.0, X, ModuleCall(nn.Hardsigmoid, (X,)))))

RULES = (
    Rule(GELU, lambda match, shape: [nn.GELU()]),
    Rule(Either((BY_TANH, BY_SIGMOID)), lambda match, shape: [nn.GELU(approximate="tanh")]),
    Rule(Either((SILU, BY_EXPONENTIAL)), lambda match, shape: [nn.SiLU()]),
    Rule(SWISH, _swish),
    Rule(MISH, lambda match, shape: [nn.Mish()]),
    Rule(Either((IN_PIECES, SOFTPLUS)), _softplus),
    Rule(HARD_SWISH, lambda match, shape: [nn.Hardswish()]),
    Rule(_times(1 / 6, CLIPPED), lambda match, shape: [nn.Hardsigmoid()]),
)

recognise_activations = recognition("recognise_activations", "an activation", RULES)
