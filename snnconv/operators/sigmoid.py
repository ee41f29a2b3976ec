"""Sigmoid and hard-sigmoid: `relu6(x + 3) / 6`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from snnconv.graph.emission import Emission
from snnconv.graph.modules import Arithmetic
from snnconv.graph.node import Call, NodeView
from snnconv.graph.operator import NeuronPlace, Operator, Time, register_operator
from snnconv.graph.shapes import same_shape
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR
from snnconv.operators.rectifier import NO_COST, NO_ROUTE


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
