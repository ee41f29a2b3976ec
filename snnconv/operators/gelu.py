"""GELU, `x * Phi(x)`: by the error function or by its approximation with tanh (Hendrycks and Gimpel, 2016).

Files of opset 18 have no operator for it and hold its formula.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import nn

from snnconv.graph.emission import Emission
from snnconv.graph.modules import Arithmetic
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import (
    Composed,
    register_composed,
)
from snnconv.operators._records import register_activation

LOWEST = -0.1701  # of either form, to four digits
CUBIC = 0.044715


def _read(node: NodeView) -> Call:
    kind = node.attributes.get("approximate", "none")
    if kind not in ("none", "tanh"):
        raise Refusal(f"its approximate is {kind!r}, which is not known")
    return Call((nn.GELU(kind),))


def _read_biased(node: NodeView) -> Call:
    """One behind a bias: `BiasGelu`, and `FastGelu`, whose bias may be left out."""
    gelu = nn.GELU("tanh" if node.operator == "FastGelu" else "none")
    bias = node.constant(1)
    if bias is None:
        return Call((gelu,))
    if bias.shape != node.shape()[-1:]:
        raise Refusal(f"its bias of shape {bias.shape} does not fit an input of {list(node.shape()[1:])}")
    return Call((Arithmetic("add", node.parameter(1)), gelu))


def _write(module: nn.GELU, emission: Emission, inputs: Sequence[str], name: str) -> str:
    (x,) = inputs
    bent = _tanh_of_cubic(emission, x, name) if module.approximate == "tanh" else _erf_of_root(emission, x, name)
    one, half = (emission.once(np.float32(value), f"gelu.{value}") for value in (1, 0.5))
    gate = emission.node("Add", [bent, one], f"{name}.gate")
    product = emission.node("Mul", [x, gate], f"{name}.product")
    return emission.node("Mul", [product, half], name)


def _erf_of_root(emission: Emission, x: str, name: str) -> str:
    root = emission.once(np.float32(math.sqrt(2)), "gelu.root")
    return emission.node("Erf", [emission.node("Div", [x, root], f"{name}.scaled")], f"{name}.erf")


def _tanh_of_cubic(emission: Emission, x: str, name: str) -> str:
    """Write `tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))`."""
    three, cubic = emission.once(np.float32(3), "gelu.three"), emission.once(np.float32(CUBIC), "gelu.cubic")
    slope = emission.once(np.float32(math.sqrt(2 / math.pi)), "gelu.slope")
    cube = emission.node("Mul", [emission.node("Pow", [x, three], f"{name}.cube"), cubic], f"{name}.cubic")
    line = emission.node("Mul", [emission.node("Add", [x, cube], f"{name}.sum"), slope], f"{name}.scaled")
    return emission.node("Tanh", [line], f"{name}.tanh")


GELU = register_activation(
    nn.GELU, reads={("", "Gelu"): _read, ("com.microsoft", "Gelu"): _read}, write=_write, bounds=(LOWEST, math.inf)
)
BIASED_GELU = register_composed(
    Composed(
        reads={("com.microsoft", name): _read_biased for name in ("BiasGelu", "FastGelu")},
        made_of=(Arithmetic, nn.GELU),
    )
)
