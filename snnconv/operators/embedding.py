"""Rows of a constant table that an activation numbers; elements along an axis that are numbered; one-hot rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import torch
from torch import nn

from snnconv.graph.embedding import Embedding, GatherElements
from snnconv.graph.emission import Emission
from snnconv.graph.kinds import Truncation, before_cast
from snnconv.graph.modules import Arithmetic, Unsqueeze
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import (
    FREE,
    Composed,
    NeuronPlace,
    NoForm,
    Operator,
    Time,
    moved,
    register_composed,
    register_operator,
)
from snnconv.graph.selection import Logical, Relation
from snnconv.graph.shapes import Shape
from snnconv.operators._constants import constant_of_samples, spread_over_batch
from snnconv.operators.comparison import check_ranks
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR
from snnconv.operators.rectifier import NO_ROUTE


def embedding_in(node: NodeView) -> Call | None:
    """Return what a Gather of a constant by an activation becomes; None of another.

    Raises:
        Refusal: It puts axes of the constant before the batch's.
    """
    if not node.is_constant(0) or node.is_constant(1):
        return None
    if node.int_attribute("axis", 0) % max(1, node.need_constant(0).ndim):
        raise Refusal("it puts an axis of its constant before the batch's")
    ids = before_cast(node.activation(1), Truncation)
    return Call((Embedding(node.parameter(0)),), (ids,), kind=node.kind_of_constant(0))


def _read_elements(node: NodeView) -> Call:
    axis = node.axis(node.int_attribute("axis", 0))
    if not node.is_constant(1):
        check_ranks([node.activation(0), node.activation(1)])
        return Call((GatherElements(axis),), (0, before_cast(node.activation(1), Truncation)))
    indices, size = constant_of_samples(node, 1, node.rank()), node.shape()[axis]
    if indices.numel() == 0 or indices.min() < -size or indices.max() >= size:
        raise Refusal(f"its indices leave an axis of size {size}, or there are none")
    return Call((GatherElements(axis, indices),))


def _read_one_hot(node: NodeView) -> Call:
    """Whether each number along a new axis is the activation's; a negative one counts from the end."""
    depth, values = int(node.need_constant(1).reshape(-1)[0]), node.need_constant(2)
    rank = node.rank()
    axis = node.int_attribute("axis", -1)
    axis = axis + rank + 1 if axis < 0 else axis
    if not 1 <= axis <= rank:
        raise Refusal("it puts an axis before the batch's")
    shape = (depth, *[1] * (rank - axis))
    alike = []
    for first in (0, -depth):
        numbers = torch.arange(first, first + depth, dtype=torch.float32).reshape(shape)
        alike.append(Call((Unsqueeze([axis]), Relation("equal", numbers)), (0,), kind="bool"))
    off, on = (float(value) for value in values.reshape(-1))
    scaled = [] if on - off == 1 else [Arithmetic("mul", nn.Parameter(torch.tensor(on - off)))]
    shifted = [] if off == 0 else [Arithmetic("add", nn.Parameter(torch.tensor(off)))]
    return Call((Logical("or"), *scaled, *shifted), tuple(alike), kind=node.kind_of_constant(2))


def _write_embedding(module: Embedding, emission: Emission, inputs: Sequence[str], name: str) -> str:
    whole = emission.node("Cast", inputs, f"{name}.ids", to=onnx.TensorProto.INT64)
    return emission.node("Gather", [emission.parameter(module.weight, f"{name}.weight"), whole], name, axis=0)


def _write_elements(module: GatherElements, emission: Emission, inputs: Sequence[str], name: str) -> str:
    if module.indices is None:
        whole = emission.node("Cast", [inputs[1]], f"{name}.places", to=onnx.TensorProto.INT64)
        return emission.node("GatherElements", [inputs[0], whole], name, axis=module.axis)
    indices = module.indices.cpu().numpy().astype(np.int64)
    whole = spread_over_batch(emission, indices, inputs[0], f"{name}.indices")
    return emission.node("GatherElements", [inputs[0], whole], name, axis=module.axis)


def _embedding_shape(module: Embedding, shapes: Sequence[Shape]) -> Shape:
    return (*shapes[0], *module.weight.shape[1:])


def _elements_shape(module: GatherElements, shapes: Sequence[Shape]) -> Shape:
    """The shape of the numbers, which is nowhere longer than what they count in, but along the axis."""
    x = shapes[0]
    indices = shapes[1] if module.indices is None else (x[0], *module.indices.shape[1:])
    if any(new > old and axis != module.axis for axis, (new, old) in enumerate(zip(indices, x, strict=True))):
        raise ValueError("there are more numbers than elements along another axis than the one that they count along")
    return indices


def _time(module: GatherElements, changing: Sequence[bool]) -> Time:
    """Affine where the numbers do not change."""
    return Time.FUNCTION if module.indices is None and changing[1] else Time.AFFINE


def _route(module: GatherElements, counts: Sequence[torch.Tensor]) -> torch.Tensor | None:
    """All that constant numbers take."""
    return None if module.indices is None else moved(module, counts)


EMBEDDING = register_operator(
    Operator(
        modules=(Embedding,),
        reads={},
        write=_write_embedding,
        time=Time.FUNCTION,
        activation=NeuronPlace.READ,
        of_steps=False,
        cost=NoForm("looking up a row has no price"),
        routes=NO_ROUTE,
        shape=_embedding_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
ELEMENTS = register_operator(
    Operator(
        modules=(GatherElements,),
        reads={("", "GatherElements"): _read_elements},
        write=_write_elements,
        time=_time,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=FREE,
        routes=_route,
        shape=_elements_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
ONE_HOT = register_composed(
    Composed(reads={("", "OneHot"): _read_one_hot}, made_of=(Unsqueeze, Relation, Logical, Arithmetic))
)
