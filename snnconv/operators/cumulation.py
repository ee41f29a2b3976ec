"""CumSum: as of a mask, which numbers the tokens that it lets through; Trilu: one triangle of matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from snnconv.graph.cumulation import CumSum
from snnconv.graph.emission import Emission
from snnconv.graph.modules import Arithmetic
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import (
    Arrival,
    Composed,
    Cost,
    NeuronPlace,
    NoForm,
    Operator,
    Time,
    Work,
    register_composed,
    register_operator,
)
from snnconv.graph.shapes import same_shape
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR


def _read(node: NodeView) -> Call:
    axis = node.axis(int(node.need_constant(1).reshape(-1)[0]))
    flags = {name: bool(node.int_attribute(name, 0)) for name in ("exclusive", "reverse")}
    return Call((CumSum(axis, **flags),))


def _read_trilu(node: NodeView) -> Call:
    """A product with ones in the triangle and zeros elsewhere."""
    if node.rank() < 3:
        raise Refusal("it acts across the batch axis")
    diagonal = node.constant(1)
    offset = 0 if diagonal is None else int(diagonal.reshape(-1)[0])
    ones = np.ones(node.shape()[-2:], np.float32)
    triangle = np.triu(ones, offset) if node.int_attribute("upper", 1) else np.tril(ones, offset)
    return Call((Arithmetic("mul", nn.Parameter(torch.from_numpy(triangle))),))


def _write(module: CumSum, emission: Emission, inputs: Sequence[str], name: str) -> str:
    axis = emission.constant(np.array(module.axis), f"{name}.axis")
    operands = [*inputs, axis]
    return emission.node("CumSum", operands, name, exclusive=int(module.exclusive), reverse=int(module.reverse))


def _dense(module: CumSum, inputs: int, outputs: int) -> Work:
    """One addition an element."""
    return Work(0, outputs)


CUM_SUM = register_operator(
    Operator(
        modules=(CumSum,),
        reads={("", "CumSum"): _read},
        write=_write,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=Cost(dense=_dense, arrival=Arrival.VALUES),
        routes=NoForm("sums along an axis are not followed as spikes"),
        shape=same_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
TRILU = register_composed(Composed(reads={("", "Trilu"): _read_trilu}, made_of=(Arithmetic,)))
