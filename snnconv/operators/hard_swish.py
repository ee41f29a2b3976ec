"""Hard-swish: `x * relu6(x + 3) / 6`, also where a file writes it so."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

from snnconv.graph.emission import Emission
from snnconv.graph.modules import Arithmetic
from snnconv.graph.node import Activation, Call, NodeView
from snnconv.graph.operator import NeuronPlace, Operator, Time, register_operator
from snnconv.graph.shapes import same_shape
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR
from snnconv.operators.rectifier import NO_COST, NO_ROUTE
from snnconv.operators.sigmoid import clipped_source, sixth_of

__all__ = ["hard_swish_in"]


def _read(node: NodeView) -> Call:
    return Call((nn.Hardswish(),))


def hard_swish_in(node: NodeView) -> Call | None:
    """Return hard-swish, where a node ends `x * hard_sigmoid(x)` or `x * relu6(x + 3) / 6`; None elsewhere."""
    if node.operator == "Mul" and all(isinstance(operand, Activation) for operand in node.operands):
        for gated, gate in ((0, 1), (1, 0)):
            factor = node.activation(gate)
            if isinstance(factor.module, nn.Hardsigmoid) and factor.sources[0].node is node.activation(gated).node:
                return Call((nn.Hardswish(),), (gated,))
    product = sixth_of(node)
    if product is None or not isinstance(product.module, Arithmetic) or product.module.operator != "mul":
        return None
    for source in product.sources:
        x = clipped_source(source)
        if x is not None and any(factor.node is x.node for factor in product.sources):
            return Call((nn.Hardswish(),), (x,))
    return None


def _write(module: nn.Hardswish, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("HardSwish", inputs, name)


HARD_SWISH = register_operator(
    Operator(
        modules=(nn.Hardswish,),
        reads={("", "HardSwish"): _read},
        write=_write,
        time=Time.FUNCTION,
        activation=NeuronPlace.TRANSFER,
        of_steps=True,
        cost=NO_COST,
        routes=NO_ROUTE,
        shape=same_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
        bounds=(-0.375, math.inf),
    )
)
