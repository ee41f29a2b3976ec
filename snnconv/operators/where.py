"""One of two values at each place, by a condition: masks, and rotary or causal parts of attention."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from snnconv.graph.emission import Emission
from snnconv.graph.kinds import Truth, before_cast
from snnconv.graph.node import Activation, Call, NodeView
from snnconv.graph.operator import FREE, NeuronPlace, Operator, Time, register_operator
from snnconv.graph.selection import Where
from snnconv.graph.shapes import Shape
from snnconv.operators.comparison import as_truth, check_broadcast, check_ranks
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR


def _read(node: NodeView) -> Call:
    positions = tuple(position for position in range(3) if not node.is_constant(position))
    activations = [node.activation(position) for position in positions]
    check_ranks(activations)
    constants: list[Tensor | None] = [None, None, None]
    for position in set(range(3)).difference(positions):
        check_broadcast(node.need_constant(position).shape, len(activations[0].shapes[0]))
        constants[position] = node.bound(position)
    branch = node.operand(1) if isinstance(node.operand(1), Activation) else node.operand(2)
    kind = branch.kind if isinstance(branch, Activation) else node.kind_of_constant(1)
    operands = tuple(
        before_cast(activation, Truth) if position == 0 else activation
        for position, activation in zip(positions, activations, strict=True)
    )
    return Call((Where(*constants),), operands, kind=kind)


def _write(module: Where, emission: Emission, inputs: Sequence[str], name: str) -> str:
    rest = iter(inputs)
    condition = (
        emission.constant(module.get_buffer("condition").cpu().numpy() != 0, f"{name}.condition")
        if module.holds("condition")
        else as_truth(emission, next(rest), f"{name}.truth")
    )
    values = [
        emission.parameter(module.get_buffer(part), f"{name}.{part}") if module.holds(part) else next(rest)
        for part in ("chosen", "other")
    ]
    return emission.node("Where", [condition, *values], name)


def _time(module: Where, changing: Sequence[bool]) -> Time:
    """Affine in the two values together where the condition does not change."""
    return Time.FUNCTION if changing[0] and not module.holds("condition") else Time.AFFINE


def _route(module: Where, counts: Sequence[Tensor]) -> Tensor | None:
    """Spikes of the value that a constant condition chooses; a constant value belongs to the next synapse's bias."""
    if not module.holds("condition"):
        return None
    zero = torch.zeros((), dtype=counts[0].dtype, device=counts[0].device)
    rest = iter(counts)
    chosen, other = (zero if module.holds(part) else next(rest) for part in ("chosen", "other"))
    shape = np.broadcast_shapes(*(tuple(part.shape) for part in module.arguments(list(counts))))
    return torch.where(module.get_buffer("condition") != 0, chosen, other).expand(shape)


def _shape(module: Where, shapes: Sequence[Shape]) -> Shape:
    constants = [tuple(module.get_buffer(part).shape) for part in Where.NAMES if module.holds(part)]
    return np.broadcast_shapes(*shapes, *constants)


WHERE = register_operator(
    Operator(
        modules=(Where,),
        reads={("", "Where"): _read},
        write=_write,
        time=_time,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=FREE,
        routes=_route,
        shape=_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
