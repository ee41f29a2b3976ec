"""Elements along an axis, in any order and any number of times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from snnconv.graph.embedding import GatherElements
from snnconv.graph.emission import Emission
from snnconv.graph.modules import Expand, Gather, Reshape, Slice, Squeeze
from snnconv.graph.node import PROBES, Call, Constant, NodeView, Refusal
from snnconv.graph.operator import (
    FREE,
    Composed,
    NeuronPlace,
    Operator,
    Time,
    moved,
    register_composed,
    register_operator,
)
from snnconv.graph.sample_rows import taken_of_each_sample
from snnconv.operators.embedding import embedding_in
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR


def _read(node: NodeView) -> Call:
    return embedding_in(node) or _strided(node) or taken_of_each_sample(node) or _elements(node)


def _strided(node: NodeView) -> Call | None:
    """Return what a Gather becomes that takes the same elements of each sample, all flattened to axis 0.

    Exporters write torch's `as_strided` so, which views a tensor by steps through its memory.
    """
    operand = node.operand(1)
    if node.int_attribute("axis", 0) % node.rank() or not isinstance(operand, Constant) or not operand.values[0].ndim:
        return None
    size = Fraction(node.shape()[0], PROBES[0])  # elements of axis 0 that a sample has
    alike = operand.values[0][0]
    for places, batch in zip(operand.values, PROBES, strict=True):
        first = int(size) * np.arange(len(places)).reshape(-1, *[1] * alike.ndim)
        if len(places) != batch or not np.array_equal(places, first + alike):
            return None
    if size.denominator != 1 or alike.size == 0 or alike.min() < 0 or alike.max() >= size:
        return None
    rest = node.shape()[1:]
    take = Gather(1, [int(index) for index in alike.reshape(-1)])
    return Call((Reshape(1 / size, [int(size), *rest]), take, Reshape(Fraction(1), [*alike.shape, *rest])))


def _elements(node: NodeView) -> Call:
    axis = node.axis(node.int_attribute("axis", 0))
    places, size = node.need_constant(1), node.shape()[axis]
    if places.size == 0 or places.min() < -size or places.max() >= size:
        raise Refusal(f"its indices leave an axis of size {size}, or there are none")
    indices = [int(index) % size for index in places.reshape(-1)]
    run = indices == list(range(indices[0], indices[0] + len(indices)))
    take = Slice([axis], [indices[0]], [indices[-1] + 1], [1]) if run else Gather(axis, indices)
    if places.ndim == 0:
        return Call((take, Squeeze([axis])))
    if places.ndim == 1:
        return Call((take,))
    shape = node.shape()
    return Call((take, Reshape(Fraction(1), [*shape[1:axis], *places.shape, *shape[axis + 1 :]])))


def _read_nd(node: NodeView) -> Call:
    """Elements of several axes, the first behind the batch's; by positions that are activations along one."""
    if (call := None if node.is_constant(1) else taken_of_each_sample(node)) is not None:
        return call
    places, shape = node.need_constant(1), node.shape()
    depth = places.shape[-1]
    if node.int_attribute("batch_dims", 0) != 1 or places.shape[0] != 1 or depth >= len(shape):
        raise Refusal("it takes other elements of each sample, or acts across the batch axis")
    sizes, rest = shape[1 : depth + 1], shape[depth + 1 :]
    limits = np.array(sizes)
    if places.size == 0 or (places < -limits).any() or (places >= limits).any():
        raise Refusal(f"its indices leave axes of sizes {list(sizes)}, or there are none")
    indices = np.ravel_multi_index(tuple(np.moveaxis(places % limits, -1, 0)), sizes).reshape(-1)
    flat = Reshape(Fraction(1), [math.prod(sizes), *rest])
    after = Reshape(Fraction(1), [*places.shape[1:-1], *rest])
    return Call((flat, Gather(1, [int(index) for index in indices]), after))


def _write(module: Gather, emission: Emission, inputs: Sequence[str], name: str) -> str:
    indices = emission.ints(module.indices, f"{name}.indices")
    return emission.node("Gather", [*inputs, indices], name, axis=module.axis)


GATHER = register_operator(
    Operator(
        modules=(Gather,),
        reads={("", "Gather"): _read},
        write=_write,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=FREE,
        routes=moved,
        shape=None,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
GATHER_ND = register_composed(
    Composed(reads={("", "GatherND"): _read_nd}, made_of=(Expand, Gather, GatherElements, Reshape))
)
