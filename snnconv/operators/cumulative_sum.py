"""CumSum along an axis other than the batch's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from snnconv.graph.emission import Emission
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import Arrival, Cost, NeuronPlace, Operator, Time, Work, register_operator
from snnconv.graph.reductions import CumulativeSum
from snnconv.graph.shapes import same_shape
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR


def _read(node: NodeView) -> Call:
    axes = node.ints("axis", 1)
    if axes is None or len(axes) != 1:
        raise Refusal(f"its axis is {axes}, it must be one number")
    exclusive, reverse = (bool(node.int_attribute(name, 0)) for name in ("exclusive", "reverse"))
    return Call((CumulativeSum(node.axis(axes[0]), exclusive=exclusive, reverse=reverse),))


def _write(module: CumulativeSum, emission: Emission, inputs: Sequence[str], name: str) -> str:
    axis = emission.constant(np.int64(module.axis), f"{name}.axis")
    settings = {"exclusive": int(module.exclusive), "reverse": int(module.reverse)}
    return emission.outputs("CumSum", [*inputs, axis], name, 1, **settings)[0]


def _dense(module: CumulativeSum, inputs: int, outputs: int) -> Work:
    """One addition an output."""
    return Work(0, outputs)


def _route(module: CumulativeSum, counts: Sequence[Tensor]) -> Tensor:
    """All: each as often as it is part of a sum."""
    sums: Tensor = module(counts[0])
    return sums


CUMULATIVE_SUM = register_operator(
    Operator(
        modules=(CumulativeSum,),
        reads={("", "CumSum"): _read},
        write=_write,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=Cost(dense=_dense, arrival=Arrival.VALUES, starts_with_read=True),
        routes=_route,
        shape=same_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
