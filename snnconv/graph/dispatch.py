"""One node of a file, as it is told to the reader of its operator; or what it is without one: a constant, a piece."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import onnx

from snnconv.graph.batch_axis import batch_first
from snnconv.graph.folding import FOLDABLE, Folder, broadcast_of, cast_like, piece_of, pieces_of, shape_of
from snnconv.graph.node import HANDLERS, Activation, Call, Constant, NodeView, Operand, Pieces, Refusal
from snnconv.graph.placement import Placed
from snnconv.graph.sample_rows import numbered, rows_after

__all__ = ["can_fold", "domain_of", "handled", "resolved"]


def domain_of(node: onnx.NodeProto) -> str:
    """Return the domain of a node's operator, empty where it is a standard one."""
    return "" if node.domain == "ai.onnx" else node.domain


def can_fold(node: onnx.NodeProto) -> bool:
    """Return whether a node of constants is computed at import."""
    return not domain_of(node) and node.op_type in FOLDABLE


def resolved(node: onnx.NodeProto, view: NodeView, folder: Folder, only_shapes: Collection[str]) -> dict[str, Operand]:
    """Return the outputs of a standard operator that calls no module: constants, and parts of what was split.

    Args:
        node: Node of the file.
        view: View of that node, with its operands.
        folder: Folder of constants.
        only_shapes: Names of values of which nothing but the shape is read.
    """
    operands = view.operands
    if node.op_type == "Shape":
        return {node.output[0]: shape_of(view)}
    if node.op_type in FOLDABLE and all(o is None or isinstance(o, Constant) for o in operands):
        return dict(folder.fold(node, view))
    if node.op_type == "Max" and node.output[0] in only_shapes:
        return {node.output[0]: broadcast_of(view)}
    kinds = [type(operand) for operand in operands]
    if node.op_type == "CastLike" and kinds == [Constant, Activation]:
        return {node.output[0]: cast_like(view)}
    if node.op_type == "SplitToSequence" and kinds == [Constant, Constant]:
        return {node.output[0]: pieces_of(view)}
    if node.op_type == "SequenceAt" and kinds == [Pieces, Constant]:
        return {node.output[0]: piece_of(view)}
    return {}


def handled(view: NodeView, domain: str) -> tuple[Placed, Sequence[Call]]:
    """Return a node as it acts on tensors whose axis 0 is the batch's, and its handler's answer as a list.

    Raises:
        Refusal: The handler cannot take the node, also because the node lacks what its operator requires.
    """
    try:
        place = _placed(view, domain)
        answer = HANDLERS[domain, view.operator](place.view) if place.calls is None else place.calls
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise Refusal(f"its attributes or inputs are malformed ({type(error).__name__}: {error})") from error
    return place, [answer] if isinstance(answer, Call) else answer


def _placed(view: NodeView, domain: str) -> Placed:
    """A node as it acts on tensors whose axis 0 is the batch's.

    Raises:
        Refusal: It mixes the batch with other axes.
    """
    if not domain:
        numbers = numbered(view)
        if numbers is not None:
            return Placed(view, calls=(numbers[0],), rows=numbers[1])
        return replace(batch_first(view), rows=rows_after(view))
    if any(isinstance(operand, Activation) and (operand.batch_axis or operand.merged > 1) for operand in view.operands):
        raise Refusal("it takes a tensor whose batch axis was moved, and no node before it moves it back")
    return Placed(view)
