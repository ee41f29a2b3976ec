"""All axes after one of them as one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from torch import nn

from snnconv.formats.hardware.moves import reshape
from snnconv.formats.nir.forms import flatten
from snnconv.graph.emission import Emission
from snnconv.graph.modules import Reshape
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import FREE, NeuronPlace, Operator, Time, moved, register_operator
from snnconv.operators.forms import IN_FLOAT


def _read(node: NodeView) -> Call:
    axis, rank = node.int_attribute("axis", 1), node.rank()
    if not -rank <= axis <= rank:
        raise Refusal(f"axis {axis} is outside a tensor of rank {rank}")
    axis = axis + rank if axis < 0 else axis
    if axis == 0 and node.file_batch != 1:
        raise Refusal("it acts across the batch axis")
    if axis <= 1 and rank > 1:
        return Call((nn.Flatten(1),))  # of a single sample [1, ...] axes 0 and 1 give the same
    shape = node.shape()
    return Call((Reshape(Fraction(math.prod(shape[1:axis])), [math.prod(shape[max(axis, 1) :])]),))


def _write(module: nn.Flatten, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("Flatten", inputs, name, axis=1)


FLATTEN = register_operator(
    Operator(
        modules=(nn.Flatten,),
        reads={("", "Flatten"): _read},
        write=_write,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=FREE,
        routes=moved,
        shape=None,
        forms={"hardware": reshape, "int8": IN_FLOAT, "nir": flatten},
    )
)
