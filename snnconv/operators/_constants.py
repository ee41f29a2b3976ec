"""Constant operands that are broadcast to an activation, or are the same for every sample of a batch."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from snnconv.graph.emission import Emission
from snnconv.graph.node import Array, Constant, NodeView, Refusal

__all__ = ["check_broadcast", "constant_of_samples", "spread_over_batch"]


def check_broadcast(node: NodeView, position: int, rank: int) -> None:
    """Check that a constant is the same for every member of a batch.

    Args:
        node: Node that has the constant.
        position: Number of the operand that is the constant.
        rank: Number of axes of the activation beside it.

    Raises:
        Refusal: The constant differs between them.
    """
    shape = node.need_constant(position).shape
    if len(shape) > rank or (len(shape) == rank and shape[0] != 1):
        raise Refusal(f"its constant of shape {shape} differs between members of a batch")


def constant_of_samples(node: NodeView, position: int, rank: int) -> Tensor:
    """Return a constant that has an axis of the batch and is the same for every sample, as `[1, ...]`.

    Args:
        node: Node that has the constant.
        position: Number of the operand that is the constant.
        rank: Number of axes that it must have.

    Raises:
        Refusal: The constant has other axes, or differs between samples.
    """
    array, operand = node.need_constant(position), node.operand(position)
    count = 1 if isinstance(operand, Constant) and operand.fixed is None else node.file_batch
    if array.ndim != rank or array.shape[0] != count or (array != array[:1]).any():
        raise Refusal(f"its constant of shape {array.shape} differs between members of a batch")
    return node.bound(position)[:1]


def spread_over_batch(emission: Emission, array: Array, sample: str, name: str) -> str:
    """Write a constant `[1, ...]` as often as there are samples; returns its name.

    Args:
        emission: Graph being written.
        array: Constant, of the type that it is written in.
        sample: Name of a tensor whose axis 0 is the batch's.
        name: Name of the initializer.
    """
    start, end = emission.once(np.array([0]), "first.start"), emission.once(np.array([1]), "first.end")
    shape = emission.node("Shape", [sample], f"{name}.shape")
    batch = emission.node("Slice", [shape, start, end], f"{name}.batch")
    rest = emission.ints(array.shape[1:], f"{name}.rest")
    target = emission.node("Concat", [batch, rest], f"{name}.target", axis=0)
    return emission.node("Expand", [emission.constant(array, name), target], f"{name}.spread")
