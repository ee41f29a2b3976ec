"""Hard-swish: `x * relu6(x + 3) / 6`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

from snnconv.graph.emission import Emission
from snnconv.graph.node import Call, NodeView
from snnconv.graph.operator import NeuronPlace, Operator, Time, register_operator
from snnconv.graph.shapes import same_shape
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR
from snnconv.operators.rectifier import NO_COST, NO_ROUTE


def _read(node: NodeView) -> Call:
    return Call((nn.Hardswish(),))


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
