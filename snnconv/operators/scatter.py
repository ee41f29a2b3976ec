"""An assignment to a run along an axis, as `x[..., 2:4] = y` is written, or to all of a tensor, as `x[:] += y` is."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import torch

from snnconv.graph.modules import Concat, Reshape, Slice
from snnconv.graph.node import Activation, Array, Call, Constant, NodeView, Refusal, Shape
from snnconv.graph.operator import Composed, register_composed

PART = "it changes elements that are no run along one axis, alike in all samples: only x[..., a:b] = y is supported"


def _read(node: NodeView) -> Call:
    x, indices = node.activation(), node.operand(1)
    if node.attributes.get("reduction", "none") != "none" or not isinstance(indices, Constant):
        raise Refusal("elements that are added to, or depend on the network's input, are not supported")
    runs = {_run(places, shape, x.batch_axis) for places, shape in zip(indices.values, _shapes(node), strict=True)}
    if len(runs) != 1:
        raise Refusal(PART)
    axis, start, stop = runs.pop()
    place = axis + 1 if axis < x.batch_axis else axis
    sizes = list(x.shapes[0][1:])
    if axis == x.batch_axis:  # all of it
        return _joined(x, 0, (0, 0, 0), _new(node, sizes))
    length = sizes[place - 1]
    sizes[place - 1] = stop - start
    return _joined(x, place, (start, stop, length), _new(node, sizes))


def _shapes(node: NodeView) -> tuple[Shape, Shape]:
    """Return the shapes that the indices count in: where the file has a batch size, that is one for both probes."""
    x = node.activation()
    first, second = x.file_shapes
    indices = node.operand(1)
    length = node.file_length()
    if length is None or not isinstance(indices, Constant) or indices.fixed is None:
        return first, second
    shape = (*first[: x.batch_axis], length, *first[x.batch_axis + 1 :])
    return shape, shape


def _run(places: Array, shape: Shape, batch_axis: int) -> tuple[int, int, int]:
    """Return axis, start and stop of the one axis of which not all is changed; the batch's where all of all axes is."""
    count = places.shape[-1] if places.ndim else 0
    if not 1 <= count <= len(shape):
        raise Refusal(PART)
    rows = places.reshape(-1, count).astype(np.int64)
    rows = np.where(rows < 0, rows + np.array(shape[:count]), rows)
    bounds = [(int(column.min()), int(column.max()) + 1) for column in rows.T] if len(rows) else []
    grid = np.stack(np.meshgrid(*(np.arange(*bound) for bound in bounds), indexing="ij"), -1) if bounds else rows
    if grid.size != rows.size or (grid.reshape(rows.shape) != rows).any():
        raise Refusal(PART)
    parts = [(axis, *bound) for axis, bound in enumerate(bounds) if bound != (0, shape[axis])]
    if len(parts) > 1 or any(axis == batch_axis for axis, *_ in parts):
        raise Refusal(PART)
    return parts[0] if parts else (batch_axis, 0, 0)


def _new(node: NodeView, sizes: list[int]) -> Activation | Call | torch.Tensor:
    """Return what is put in, of these sizes beside the batch: a constant, or an activation."""
    x, values = node.activation(), node.operand(2)
    if isinstance(values, Constant):
        array = node.need_constant(2)
        if x.batch_axis or array.size != math.prod(sizes) * (array.shape[0] if array.ndim > len(sizes) else 1):
            raise Refusal("what is put in is a constant of another shape than what it is put into")
        array = array[:1] if array.ndim > len(sizes) else array
        return torch.from_numpy(np.array(array, np.float32).reshape(1, *sizes))
    updates = node.activation(2)
    if updates.batch_axis != x.batch_axis or updates.shapes[0][0] != x.shapes[0][0]:
        raise Refusal("what is put in has the batch at another axis than what it is put into")
    if math.prod(updates.shapes[0][1:]) != math.prod(sizes):
        raise Refusal("what is put in has another shape than what it is put into")
    return updates if list(updates.shapes[0][1:]) == sizes else Call((Reshape(Fraction(1), sizes),), (2,))


def _joined(x: Activation, axis: int, run: tuple[int, int, int], new: Activation | Call | torch.Tensor) -> Call:
    """Return the run in its place: what stands before it, what is put in, and what stands behind it."""
    start, stop, length = run
    parts: list[Activation | Call | torch.Tensor] = [new]
    if start:
        parts.insert(0, Call((Slice([axis], [0], [start], [1]),), (x,)))
    if stop < length:
        parts.append(Call((Slice([axis], [stop], [length], [1]),), (x,)))
    constants = {at: part for at, part in enumerate(parts) if isinstance(part, torch.Tensor)}
    operands = tuple(part for part in parts if not isinstance(part, torch.Tensor))
    if not operands:
        raise Refusal("all of it is replaced by a constant")
    if len(parts) == 1:
        return Call((), operands)
    return Call((Concat(axis, constants),), operands)


SCATTER = register_composed(Composed(reads={("", "ScatterND"): _read}, made_of=(Concat, Reshape, Slice)))
