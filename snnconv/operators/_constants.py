"""Constant operands that are broadcast to an activation."""

from __future__ import annotations

from snnconv.graph.node import NodeView, Refusal

__all__ = ["check_broadcast"]


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
