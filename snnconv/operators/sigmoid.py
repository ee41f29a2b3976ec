"""Sigmoid and hard-sigmoid: `relu6(x + 3) / 6`, also where a file writes it so."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from snnconv.graph.emission import Emission
from snnconv.graph.modules import Arithmetic
from snnconv.graph.node import Activation, Call, Constant, NodeView
from snnconv.graph.operator import NeuronPlace, Operator, Time, register_operator
from snnconv.graph.shapes import same_shape
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR
from snnconv.operators.rectifier import NO_COST, NO_ROUTE

__all__ = ["clipped_source", "hard_sigmoid_in", "sixth_of"]


def _read_sigmoid(node: NodeView) -> Call:
    return Call((nn.Sigmoid(),))


def _read_hard_sigmoid(node: NodeView) -> Call:
    slope, shift = node.float_attribute("alpha", 0.2), node.float_attribute("beta", 0.5)
    if math.isclose(slope, 1 / 6, rel_tol=1e-6) and shift == 0.5:
        return Call((nn.Hardsigmoid(),))
    line = (Arithmetic("mul", _number(slope)), Arithmetic("add", _number(shift)))
    return Call((*line, nn.Hardtanh(0.0, 1.0)))


def _number(value: float) -> nn.Parameter:
    return nn.Parameter(torch.tensor(value, dtype=torch.float32))


def hard_sigmoid_in(node: NodeView) -> Call | None:
    """Return hard-sigmoid, where a node ends `relu6(x + 3) / 6`; None elsewhere."""
    clipped = sixth_of(node)
    x = None if clipped is None else clipped_source(clipped)
    return None if x is None else Call((nn.Hardsigmoid(),), (x,))


def sixth_of(node: NodeView) -> Activation | None:
    """Return the operand that a node takes the sixth of; None where it does something else."""
    for position in (0, 1):
        operand, other = node.operand(position), node.operand(1 - position)
        if isinstance(operand, Activation) and isinstance(other, Constant):
            divides = node.operator == "Div" and position == 0 and _is_all(other, 6)
            if divides or (node.operator == "Mul" and _is_all(other, 1 / 6)):
                return operand
    return None


def clipped_source(clipped: Activation) -> Activation | None:
    """Return x of `relu6(x + 3)`; None of anything else."""
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


def _write_sigmoid(module: nn.Sigmoid, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("Sigmoid", inputs, name)


def _write_hard_sigmoid(module: nn.Hardsigmoid, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("HardSigmoid", inputs, name, alpha=1 / 6, beta=0.5)


SIGMOID = register_operator(
    Operator(
        modules=(nn.Sigmoid,),
        reads={("", "Sigmoid"): _read_sigmoid},
        write=_write_sigmoid,
        time=Time.FUNCTION,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=NO_COST,
        routes=NO_ROUTE,
        shape=same_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
        bounds=(0.0, 1.0),
    )
)
HARD_SIGMOID = register_operator(
    Operator(
        modules=(nn.Hardsigmoid,),
        reads={("", "HardSigmoid"): _read_hard_sigmoid},
        write=_write_hard_sigmoid,
        time=Time.FUNCTION,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=NO_COST,
        routes=NO_ROUTE,
        shape=same_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
        bounds=(0.0, 1.0),
    )
)
