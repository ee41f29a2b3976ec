"""Nodes that act on tensors whose batch is not the first axis, told to the readers as if it were.

Exporters move the batch aside for a while: `qkv.permute(2, 0, 3, 1, 4)` of a vision transformer, `[length, batch,
features]` of torch's own attention. In the graph axis 0 is always the batch's. So a transpose that moves the batch
leaves it where it is and notes the axis at which the file has it (`Activation.batch_axis`); a node that follows is read
with its axes counted from the graph's tensors, until the file moves the batch back.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from snnconv.graph.batch_reshape import expand, reshape
from snnconv.graph.node import Activation, Constant, NodeView, Operand, Refusal
from snnconv.graph.placement import Placed, Placement, graph_axis, with_attributes

__all__ = ["batch_first"]

_SAME = """
    Abs Acos Acosh Asin Asinh Atan Atanh Cast CastLike Ceil Celu Clip Cos Cosh Dropout Elu Erf Exp Floor Gelu
    HardSigmoid HardSwish Identity IsInf IsNaN LeakyRelu Log Mish Neg Not Reciprocal Relu Round Selu Shrink Sigmoid
    Sign Sin Sinh Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu
"""
_BROADCAST = """
    Add And Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min Mul Or Pow Sub Sum Where Xor
"""
_REDUCTIONS = """
    ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare
"""


def batch_first(view: NodeView) -> Placed:
    """Return a node as it acts on tensors of which axis 0 is the batch's.

    Raises:
        Refusal: The node mixes the batch with other axes, or is of an operator that is read with the batch first only.
    """
    activations = [operand for operand in view.operands if isinstance(operand, Activation)]
    merged = {one.merged for one in activations} or {1}
    if merged != {1} and view.operator != "Reshape":
        return _by_rows(view, merged)
    moves = view.operator in ("Expand", "Reshape", "Transpose", "Unsqueeze")
    if not activations or not (moves or any(one.batch_axis for one in activations)):
        return Placed(view)
    axes = {one.batch_axis for one in activations}
    ranks = {len(one.shapes[0]) for one in activations}
    place = PLACEMENTS.get(view.operator)
    if place is None or len(axes) > 1 or len(ranks) > 1:
        raise Refusal("it takes a tensor whose batch axis was moved, and no node before it moves it back")
    return place(view, axes.pop(), ranks.pop())


def _by_rows(view: NodeView, merged: set[int]) -> Placed:
    """A node on tensors whose rows are of another axis, too: it acts on each row."""
    if len(merged) > 1 or view.operator in ("Expand", "Unsqueeze", "Transpose"):
        raise Refusal("it takes a tensor whose batch axis was merged with another, and no node before it parts them")
    return Placed(view, 0, None, merged.pop())


def _same(view: NodeView, batch: int, rank: int) -> Placed:
    return Placed(view, batch)


def _broadcast(view: NodeView, batch: int, rank: int) -> Placed:
    """Constants are put in the order of the graph's axes."""
    changed = copy.copy(view)
    changed.operands = [_constant(operand, batch, rank) for operand in view.operands]
    return Placed(changed, batch)


def _constant(operand: Operand | None, batch: int, rank: int) -> Operand | None:
    if not isinstance(operand, Constant) or not batch:
        return operand
    arrays = []
    for value in operand.values:
        if value.ndim > rank:
            raise Refusal(f"its constant has shape {value.shape}, more axes than its other operand")
        if value.ndim <= rank - 1 - batch or value.ndim < 2:  # it ends behind the batch's axis
            arrays.append(value)
        else:
            arrays.append(np.moveaxis(value.reshape((1,) * (rank - value.ndim) + value.shape), batch, 0))
    return Constant((arrays[0], arrays[1]), f"{operand.source}@{batch}")


def _transpose(view: NodeView, batch: int, rank: int) -> Placed:
    order = [int(axis) for axis in view.attributes.get("perm", reversed(range(rank)))]
    if sorted(order) != list(range(rank)):
        raise Refusal(f"its perm {order} does not fit an input of rank {rank}")
    others = [graph_axis(axis, batch, rank) for axis in order if axis != batch]
    return Placed(with_attributes(view, perm=[0, *others]), order.index(batch))


def _one_axis(default: int | None) -> Placement:
    """Return the placement of an operator along one axis, which it keeps."""

    def place(view: NodeView, batch: int, rank: int) -> Placed:
        stated = view.attributes.get("axis", default)
        if stated is None:
            raise Refusal("its axis is missing")
        placed = _broadcast(view, batch, rank) if view.operator == "Concat" else Placed(view, batch)
        return Placed(with_attributes(placed.view, axis=graph_axis(int(stated), batch, rank)), batch)

    return place


def _softmax(view: NodeView, batch: int, rank: int) -> Placed:
    if view.opset < 13 and int(view.attributes.get("axis", 1)) % rank != rank - 1:
        raise Refusal("it acts across several axes of a tensor whose batch axis was moved")
    return _one_axis(-1 if view.opset >= 13 else 1)(view, batch, rank)


def _gather(view: NodeView, batch: int, rank: int) -> Placed:
    axis = int(view.attributes.get("axis", 0)) % rank
    added = view.need_constant(1).ndim - 1
    return Placed(with_attributes(view, axis=graph_axis(axis, batch, rank)), batch + (added if axis < batch else 0))


def _gather_nd(view: NodeView, batch: int, rank: int) -> Placed:
    """Elements of the axes before the batch's are in the graph elements of the axes right behind it."""
    places = view.need_constant(1)
    depth = places.shape[-1]
    if view.int_attribute("batch_dims", 0) or depth > batch:
        raise Refusal("it acts across the batch axis, which was moved")
    changed = with_attributes(view, batch_dims=1)
    operand = places[None]
    changed.operands = [view.operand(0), Constant((operand, operand), f"{view.outputs[0]}.indices")]
    return Placed(changed, batch - depth + places.ndim - 1)


def _dropped(axes: Sequence[int], batch: int, rank: int) -> int:
    """Return the axis of the batch once others are gone."""
    return batch - sum(axis % rank < batch for axis in axes)


def _reduction(view: NodeView, batch: int, rank: int) -> Placed:
    axes = view.ints("axes", 1)
    if not axes:
        raise Refusal("it acts across the batch axis")
    after = batch if view.int_attribute("keepdims", 1) else _dropped(axes, batch, rank)
    return Placed(with_attributes(view, axes=[graph_axis(axis, batch, rank) for axis in axes]), after)


def _arg_reduction(view: NodeView, batch: int, rank: int) -> Placed:
    axis = int(view.attributes.get("axis", 0))
    after = batch if view.int_attribute("keepdims", 1) else _dropped([axis], batch, rank)
    return Placed(with_attributes(view, axis=graph_axis(axis, batch, rank)), after)


def _squeeze(view: NodeView, batch: int, rank: int) -> Placed:
    axes = view.ints("axes", 1)
    if not axes:
        shape = view.activation().file_shapes[0]
        axes = [axis for axis, size in enumerate(shape) if size == 1 and axis != batch]
    places = [graph_axis(axis, batch, rank) for axis in axes]
    return Placed(with_attributes(view, axes=places), _dropped(axes, batch, rank))


def _unsqueeze(view: NodeView, batch: int, rank: int) -> Placed:
    axes = view.ints("axes", 1)
    if not axes:
        raise Refusal("its axes are missing")
    new = rank + len(axes)
    inserted = {axis % new for axis in axes}
    after = [axis for axis in range(new) if axis not in inserted][batch]
    return Placed(with_attributes(view, axes=[graph_axis(axis, after, new) for axis in sorted(inserted)]), after)


def _slice(view: NodeView, batch: int, rank: int) -> Placed:
    starts = view.ints("starts", 1) or []
    stated = view.ints("axes", 3)
    axes = list(range(len(starts))) if stated is None else stated
    # The reader refuses the batch's own axis.
    places = [0 if axis % rank == batch else graph_axis(axis, batch, rank) for axis in axes]
    return Placed(with_attributes(view, axes=places), batch)


def _matmul(view: NodeView, batch: int, rank: int) -> Placed:
    """The last two axes are those of matrices; by a constant matrix only the last one is."""
    constants = [operand for operand in view.operands if isinstance(operand, Constant)]
    rows = rank - 1 if constants and view.is_constant(1) and view.need_constant(1).ndim <= 2 else rank - 2
    if batch >= rows:
        raise Refusal("it sums over the batch axis, or multiplies matrices across it")
    return Placed(view, batch) if not constants or rows == rank - 1 else _broadcast(view, batch, rank)


def _trailing(view: NodeView, batch: int, rank: int) -> Placed:
    """An operator over the last axes, counted from one."""
    return Placed(with_attributes(view, axis=graph_axis(int(view.attributes.get("axis", -1)), batch, rank)), batch)


def _pool(view: NodeView, batch: int, rank: int) -> Placed:
    """Pooling acts alike on all samples and channels, whichever of the two is first."""
    if batch > 1:
        raise Refusal("it acts across the batch axis")
    return Placed(view, batch)


def _quantize(view: NodeView, batch: int, rank: int) -> Placed:
    """One scale for all, or one for each place along an axis."""
    if view.need_constant(1).size == 1:
        return Placed(view, batch)
    return Placed(with_attributes(view, axis=graph_axis(int(view.attributes.get("axis", 1)), batch, rank)), batch)


PLACEMENTS: dict[str, Placement] = {
    **dict.fromkeys(_SAME.split(), _same),
    **dict.fromkeys(_BROADCAST.split(), _broadcast),
    **dict.fromkeys(_REDUCTIONS.split(), _reduction),
    **dict.fromkeys(("ArgMax", "ArgMin"), _arg_reduction),
    **dict.fromkeys(("Softmax", "LogSoftmax"), _softmax),
    **dict.fromkeys(("LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"), _trailing),
    **dict.fromkeys(("Split", "SplitToSequence"), _one_axis(0)),
    **dict.fromkeys(("AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool"), _pool),
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear"), _quantize),
    "Concat": _one_axis(None),
    "Expand": expand,
    "Gather": _gather,
    "GatherND": _gather_nd,
    "LpNormalization": _one_axis(-1),
    "MatMul": _matmul,
    "Reshape": reshape,
    "ScatterND": _same,
    "Slice": _slice,
    "Squeeze": _squeeze,
    "TopK": _one_axis(-1),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
