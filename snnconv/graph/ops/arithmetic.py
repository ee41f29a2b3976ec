"""Add, Sub, Mul, Div: of two activations, or of an activation and a constant.

Exporters write hard-sigmoid and hard-swish as sums, clips and products, too: `relu6(x + 3) / 6`, and x times that.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from snnconv.graph.emission import EMITTERS, Emission
from snnconv.graph.modules import Arithmetic, Operator
from snnconv.graph.node import HANDLERS, Activation, Call, Constant, NodeView, Refusal

OPERATORS: dict[str, Operator] = {"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div"}


@HANDLERS.register(*(("", name) for name in OPERATORS))
def _import_arithmetic(node: NodeView) -> Call:
    return _hard_swish(node) or _hard_sigmoid(node) or _arithmetic(node)


def _arithmetic(node: NodeView) -> Call:
    operator = OPERATORS[node.operator]
    constants = [position for position in (0, 1) if node.is_constant(position)]
    if not constants:
        if node.rank(0) != node.rank(1):
            raise Refusal("its operands have different ranks, so that one would be broadcast over the batch axis")
        return Call((Arithmetic(operator),), (0, 1))
    position = constants[0]
    array = node.need_constant(position)
    rank = node.rank(1 - position)
    if array.ndim > rank or (array.ndim == rank and array.shape[0] != 1):
        raise Refusal(f"its constant of shape {array.shape} differs between members of a batch")
    if operator == "div" and position == 1 and not array.all():
        raise Refusal("it divides by a constant that is 0")
    module = Arithmetic(operator, node.parameter(position), constant_first=position == 0)
    return Call((module,), (1 - position,))


@HANDLERS.register(("", "Neg"))
def _import_neg(node: NodeView) -> Call:
    return Call((Arithmetic("mul", nn.Parameter(torch.tensor(-1.0))),))


def _hard_sigmoid(node: NodeView) -> Call | None:
    """Of `relu6(x + 3) / 6`."""
    clipped = _sixth(node)
    x = None if clipped is None else _below_clip(clipped)
    return None if x is None else Call((nn.Hardsigmoid(),), (x,))


def _hard_swish(node: NodeView) -> Call | None:
    """Of `x * hard_sigmoid(x)`, and of `x * relu6(x + 3) / 6`."""
    if node.operator == "Mul" and all(isinstance(operand, Activation) for operand in node.operands):
        for gated, gate in ((0, 1), (1, 0)):
            found = node.activation(gate)
            if isinstance(found.module, nn.Hardsigmoid) and found.sources[0].node is node.activation(gated).node:
                return Call((nn.Hardswish(),), (gated,))
    product = _sixth(node)
    if product is None or not isinstance(product.module, Arithmetic) or product.module.operator != "mul":
        return None
    for source in product.sources:
        x = _below_clip(source)
        if x is not None and any(each.node is x.node for each in product.sources):
            return Call((nn.Hardswish(),), (x,))
    return None


def _sixth(node: NodeView) -> Activation | None:
    """What a node takes the sixth of."""
    for position in (0, 1):
        operand, other = node.operand(position), node.operand(1 - position)
        if isinstance(operand, Activation) and isinstance(other, Constant):
            divides = node.operator == "Div" and position == 0 and _is_all(other, 6)
            if divides or (node.operator == "Mul" and _is_all(other, 1 / 6)):
                return operand
    return None


def _below_clip(clipped: Activation) -> Activation | None:
    """x, of `relu6(x + 3)`."""
    if not isinstance(clipped.module, nn.ReLU6):
        return None
    summed = clipped.sources[0]
    module = summed.module
    if not isinstance(module, Arithmetic) or module.operator != "add" or module.constant is None:
        return None
    same = summed.sources[0].shapes == summed.shapes and bool((module.constant == 3).all())
    return summed.sources[0] if same else None


def _is_all(constant: Constant, value: float) -> bool:
    return constant.fixed is not None and constant.fixed.size == 1 and bool(np.isclose(constant.fixed, value).all())


@EMITTERS.register(Arithmetic)
def _emit_arithmetic(module: Arithmetic, emission: Emission, inputs: Sequence[str], name: str) -> str:
    operands = list(inputs)
    if len(operands) == 1:
        assert module.constant is not None
        constant = emission.parameter(module.constant, f"{name}.constant")
        operands.insert(0 if module.constant_first else 1, constant)
    return emission.node(module.operator.capitalize(), operands, name)
