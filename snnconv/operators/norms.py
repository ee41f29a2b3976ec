"""Normalisations without statistics of a layer: to unit length along an axis, and by neighbouring channels (LRN)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import nn

from snnconv.graph.emission import Emission
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.normalizations import LpNormalize
from snnconv.graph.operator import Arrival, Cost, Work
from snnconv.operators._records import register_function


def _read_length(node: NodeView) -> Call:
    p = node.int_attribute("p", 2)
    if p not in (1, 2):
        raise Refusal(f"its p is {p}; 1 and 2 are known")
    return Call((LpNormalize(node.axis(node.int_attribute("axis", -1)), p),))


def _read_neighbours(node: NodeView) -> Call:
    size = node.int_attribute("size", 0)
    if size < 1 or size % 2 == 0:
        raise Refusal(f"its size is {size}; an odd number of neighbouring channels is supported")
    if node.rank() < 3:
        raise Refusal(f"an input of rank {node.rank()} is not supported; it has channels and positions")
    settings = [node.float_attribute(name, value) for name, value in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0))]
    return Call((nn.LocalResponseNorm(size, *settings),))


def _write_length(module: LpNormalize, emission: Emission, inputs: Sequence[str], name: str) -> str:
    if module.eps == module.LEAST:
        return emission.node("LpNormalization", inputs, name, axis=module.axis, p=module.p)
    axes, least = emission.ints([module.axis], f"{name}.axes"), emission.constant(np.float32(module.eps), f"{name}.eps")
    length = emission.node(f"ReduceL{module.p}", [*inputs, axes], f"{name}.length", keepdims=1)
    return emission.node("Div", [*inputs, emission.node("Clip", [length, least], f"{name}.clipped")], name)


def _write_neighbours(module: nn.LocalResponseNorm, emission: Emission, inputs: Sequence[str], name: str) -> str:
    alpha, beta, bias = (float(value) for value in (module.alpha, module.beta, module.k))
    return emission.node("LRN", inputs, name, size=module.size, alpha=alpha, beta=beta, bias=bias)


def _length_work(module: LpNormalize, inputs: int, outputs: int) -> Work:
    """An addition or a multiply-accumulate for the norm, and a multiplication, an element."""
    return Work(2 * inputs, 0) if module.p == 2 else Work(inputs, inputs)


def _neighbours_work(module: nn.LocalResponseNorm, inputs: int, outputs: int) -> Work:
    """A multiplication for the square and one at the end, and an addition a neighbour, an element."""
    return Work(2 * inputs, (module.size - 1) * inputs)


UNIT_LENGTH = register_function(
    LpNormalize,
    reads={("", "LpNormalization"): _read_length},
    write=_write_length,
    cost=Cost(dense=_length_work, arrival=Arrival.VALUES),
    bounds=(-1.0, 1.0),
)
LOCAL_RESPONSE_NORM = register_function(
    nn.LocalResponseNorm,
    reads={("", "LRN"): _read_neighbours},
    write=_write_neighbours,
    cost=Cost(dense=_neighbours_work, arrival=Arrival.VALUES),
)
