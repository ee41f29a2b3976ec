"""Functions of one activation, element by element, that are no activations: exponentials, roots, roundings, powers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from snnconv.graph.elementwise import FUNCTIONS, Elementwise, FunctionName, Power
from snnconv.graph.emission import Emission
from snnconv.graph.modules import Arithmetic
from snnconv.graph.node import Activation, Call, NodeView, Refusal
from snnconv.graph.operator import UNBOUNDED, Bounds, NoForm
from snnconv.operators._constants import check_broadcast
from snnconv.operators._records import register_function

NO_PRICE = NoForm("functions such as exponentials and roots have no price")
BY_NAME: dict[str, FunctionName] = {name.capitalize(): name for name in FUNCTIONS}
POSITIVE = (0.0, math.inf)
BOUNDS: dict[FunctionName, Bounds] = {
    "abs": POSITIVE,
    "acos": (0.0, math.pi),
    "acosh": POSITIVE,
    "asin": (-math.pi / 2, math.pi / 2),
    "atan": (-math.pi / 2, math.pi / 2),
    "cos": (-1.0, 1.0),
    "cosh": (1.0, math.inf),
    "erf": (-1.0, 1.0),
    "exp": POSITIVE,
    "sign": (-1.0, 1.0),
    "sin": (-1.0, 1.0),
    "sqrt": POSITIVE,
}
SIMPLER: dict[float, FunctionName] = {-1.0: "reciprocal", 0.5: "sqrt"}


def _read(node: NodeView) -> Call:
    return Call((Elementwise(BY_NAME[node.operator]),))


def _read_power(node: NodeView) -> Call:
    if isinstance(node.operand(0), Activation):
        return _power(node)
    node.activation(1)
    base = node.need_constant(0)
    if (base <= 0).any():
        raise Refusal("the base of its exponential is a constant that is not positive")
    check_broadcast(node, 0, node.rank(1))
    logarithm = nn.Parameter(torch.tensor(np.log(base.astype(np.float64)), dtype=torch.float32))
    return Call((Arithmetic("mul", logarithm), Elementwise("exp")), (1,))


def _power(node: NodeView) -> Call:
    exponents = node.need_constant(1)
    if exponents.size == 0 or exponents.ndim > node.rank() or (exponents != exponents.flat[0]).any():
        raise Refusal(f"its exponents of shape {exponents.shape} are not one number")
    exponent = float(exponents.flat[0])
    if exponent == 1:
        return Call(())
    return Call((Elementwise(SIMPLER[exponent]) if exponent in SIMPLER else Power(exponent),))


def _write(module: Elementwise, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node(module.function.capitalize(), inputs, name)


def _write_power(module: Power, emission: Emission, inputs: Sequence[str], name: str) -> str:
    exponent = emission.constant(np.float32(module.exponent), f"{name}.exponent")
    return emission.node("Pow", [*inputs, exponent], name)


def _bounds(module: Elementwise) -> Bounds:
    return BOUNDS.get(module.function, UNBOUNDED)


def _power_bounds(module: Power) -> Bounds:
    return UNBOUNDED if module.exponent % 2 == 1 else POSITIVE


ELEMENTWISE = register_function(
    Elementwise, reads={("", name): _read for name in BY_NAME}, write=_write, cost=NO_PRICE, bounds=_bounds
)
POWER = register_function(
    Power, reads={("", "Pow"): _read_power}, write=_write_power, cost=NO_PRICE, bounds=_power_bounds
)
