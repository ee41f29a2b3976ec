"""Nodes that act on tensors whose batch is not the first axis, told to the readers as if it were.

Exporters move the batch aside for a while: `qkv.permute(2, 0, 3, 1, 4)` of a vision transformer, `[length, batch,
features]` of torch's own attention. In the graph axis 0 is always the batch's. So a transpose that moves the batch
leaves it where it is and notes the axis at which the file has it (`Activation.batch_axis`); a node that follows is read
with its axes counted from the graph's tensors, until the file moves the batch back.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from snnconv.graph.modules import Expand, Reshape, Transpose, Unsqueeze
from snnconv.graph.node import PROBES, Activation, Call, Constant, NodeView, Operand, Refusal, Shape

__all__ = ["Placed", "batch_first", "placed", "resolve"]


@dataclass(frozen=True)
class Placed:
    """A node as it acts on tensors of which axis 0 is the batch's.

    Attributes:
        view: The node, its axes counted so.
        batch_axis: Axis of the batch in the file's outputs.
        calls: The node's outputs where they are known already, else None.
        merged: Length of an axis before the batch's that the file has merged into it.
        rows: `Activation.rows` of the outputs.
    """

    view: NodeView
    batch_axis: int = 0
    calls: tuple[Call, ...] | None = None
    merged: int = 1
    rows: int = 0


Placement = Callable[[NodeView, int, int], Placed]  # (view, axis of the batch, rank of the first activation)

_SAME = """
    Abs Asinh Atan Cast CastLike Ceil Celu Clip Cos Cosh Dropout Elu Erf Exp Floor Gelu HardSigmoid HardSwish
    Identity IsInf IsNaN LeakyRelu Log Mish Neg Not Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus
    Softsign Sqrt Swish Tan Tanh ThresholdedRelu
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


def _ours(axis: int, batch: int, rank: int) -> int:
    """Return the graph's axis for an axis of the file."""
    if not -rank <= axis < rank:
        raise Refusal(f"axis {axis} is outside a tensor of rank {rank}")
    axis %= rank
    if axis == batch:
        raise Refusal("it acts across the batch axis")
    return axis + 1 if axis < batch else axis


def _with(view: NodeView, **attributes: object) -> NodeView:
    """Return a node of other attributes, which count before inputs of the same meaning."""
    changed = copy.copy(view)
    changed.attributes = {**view.attributes, **attributes}
    return changed


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
    others = [_ours(axis, batch, rank) for axis in order if axis != batch]
    return Placed(_with(view, perm=[0, *others]), order.index(batch))


def _one_axis(default: int | None) -> Placement:
    """Return the placement of an operator along one axis, which it keeps."""

    def place(view: NodeView, batch: int, rank: int) -> Placed:
        stated = view.attributes.get("axis", default)
        if stated is None:
            raise Refusal("its axis is missing")
        placed = _broadcast(view, batch, rank) if view.operator == "Concat" else Placed(view, batch)
        return Placed(_with(placed.view, axis=_ours(int(stated), batch, rank)), batch)

    return place


def _softmax(view: NodeView, batch: int, rank: int) -> Placed:
    if view.opset < 13 and int(view.attributes.get("axis", 1)) % rank != rank - 1:
        raise Refusal("it acts across several axes of a tensor whose batch axis was moved")
    return _one_axis(-1 if view.opset >= 13 else 1)(view, batch, rank)


def _gather(view: NodeView, batch: int, rank: int) -> Placed:
    axis = int(view.attributes.get("axis", 0)) % rank
    added = view.need_constant(1).ndim - 1
    return Placed(_with(view, axis=_ours(axis, batch, rank)), batch + (added if axis < batch else 0))


def _gather_nd(view: NodeView, batch: int, rank: int) -> Placed:
    """Elements of the axes before the batch's are in the graph elements of the axes right behind it."""
    places = view.need_constant(1)
    depth = places.shape[-1]
    if view.int_attribute("batch_dims", 0) or depth > batch:
        raise Refusal("it acts across the batch axis, which was moved")
    changed = _with(view, batch_dims=1)
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
    return Placed(_with(view, axes=[_ours(axis, batch, rank) for axis in axes]), after)


def _arg_reduction(view: NodeView, batch: int, rank: int) -> Placed:
    axis = int(view.attributes.get("axis", 0))
    after = batch if view.int_attribute("keepdims", 1) else _dropped([axis], batch, rank)
    return Placed(_with(view, axis=_ours(axis, batch, rank)), after)


def _squeeze(view: NodeView, batch: int, rank: int) -> Placed:
    axes = view.ints("axes", 1)
    if not axes:
        shape = view.activation().file_shapes[0]
        axes = [axis for axis, size in enumerate(shape) if size == 1 and axis != batch]
    places = [_ours(axis, batch, rank) for axis in axes]
    return Placed(_with(view, axes=places), _dropped(axes, batch, rank))


def _unsqueeze(view: NodeView, batch: int, rank: int) -> Placed:
    axes = view.ints("axes", 1)
    if not axes:
        raise Refusal("its axes are missing")
    new = rank + len(axes)
    inserted = {axis % new for axis in axes}
    after = [axis for axis in range(new) if axis not in inserted][batch]
    return Placed(_with(view, axes=[_ours(axis, after, new) for axis in sorted(inserted)]), after)


def _slice(view: NodeView, batch: int, rank: int) -> Placed:
    starts = view.ints("starts", 1) or []
    stated = view.ints("axes", 3)
    axes = list(range(len(starts))) if stated is None else stated
    places = [0 if axis % rank == batch else _ours(axis, batch, rank) for axis in axes]  # its reader refuses the batch
    return Placed(_with(view, axes=places), batch)


def _matmul(view: NodeView, batch: int, rank: int) -> Placed:
    """The last two axes are those of matrices; by a constant matrix only the last one is."""
    constants = [operand for operand in view.operands if isinstance(operand, Constant)]
    rows = rank - 1 if constants and view.is_constant(1) and view.need_constant(1).ndim <= 2 else rank - 2
    if batch >= rows:
        raise Refusal("it sums over the batch axis, or multiplies matrices across it")
    return Placed(view, batch) if not constants or rows == rank - 1 else _broadcast(view, batch, rank)


def _trailing(view: NodeView, batch: int, rank: int) -> Placed:
    """An operator over the last axes, counted from one."""
    return Placed(_with(view, axis=_ours(int(view.attributes.get("axis", -1)), batch, rank)), batch)


def _expand(view: NodeView, batch: int, rank: int) -> Placed:
    """New axes come before all others of the file, and so before the batch's."""
    target = view.operand(1)
    if not isinstance(target, Constant):
        return Placed(view, batch)
    targets = [[int(size) for size in value.reshape(-1)] for value in target.values]
    added = len(targets[0]) - rank
    if not batch and added <= 0:
        return Placed(view)
    shapes = [(*[1] * max(0, added), *shape) for shape in view.activation().file_shapes]
    places = [[*[1] * max(0, -added), *sizes] for sizes in targets]
    after = batch + max(0, added)
    if any(
        sizes.pop(after) not in (1, shape[after], view.file_length())
        for sizes, shape in zip(places, shapes, strict=True)
    ):
        raise Refusal("it acts across the batch axis")
    others = [size for axis, size in enumerate(shapes[0]) if axis != after]
    if places[0] != places[1] or any(
        new not in (1, old) and old != 1 for new, old in zip(places[0], others, strict=True)
    ):
        raise Refusal(f"an input of shape {others} beside the batch does not expand to {places[0]}")
    new = Unsqueeze(range(1, added + 1))
    return Placed(view, after, (Call((*((new,) if added > 0 else ()), Expand(places[0]))),))


def _reshape(view: NodeView, batch: int, rank: int) -> Placed:
    """A reshape that keeps the axes before the batch's and those behind it apart; else as its reader has it."""
    target = view.operand(1)
    if not isinstance(target, Constant):
        return Placed(view, batch)
    x = view.activation()
    targets = [[int(size) for size in value.reshape(-1)] for value in target.values]
    if x.merged > 1:
        return _parted(view, x, targets)
    if not batch and targets[0] == targets[1]:  # its reader knows what a batch size means that is written into it
        return Placed(view)
    meaning = _meaning(view, x, targets)
    if batch == 1 and (meaning is None or len(targets[0]) == 2):  # in a matrix nothing else is left of the batch
        apart = _meaning(view, x, _with_rows_apart(x, targets, view.file_batch))
        if apart is not None and apart[1] == 1:
            return _merged(view, x, apart[0])
    if meaning is None:
        if batch:
            raise Refusal("it mixes the batch axis, which was moved, with others")
        return Placed(view)
    sizes, after = meaning
    if not batch and not after:
        return Placed(view)
    before, behind = list(x.shapes[0][1 : batch + 1]), math.prod(x.shapes[0][batch + 1 :])
    new_before, new_behind = list(sizes[:after]), list(sizes[after + 1 :])
    factor = Fraction(math.prod(before) * behind, math.prod(new_before) * math.prod(new_behind))
    return Placed(view, after, (Call(_steps(before, behind, new_before, new_behind, factor)),))


def _with_rows_apart(x: Activation, targets: Sequence[list[int]], batch: int | None) -> list[list[int]]:
    """Return targets `[length*B, ...]` as `[length, B, ...]`, of a tensor that has that axis before the batch's."""
    ahead, shapes = x.file_shapes[0][0], x.file_shapes
    if batch is not None and targets[0] == targets[1]:
        first = list(shapes[0])
        first[1] = first[1] * batch // PROBES[0]
        shapes = (tuple(first), tuple(first))
    resolved = [resolve(target, shape, False) for target, shape in zip(targets, shapes, strict=True)]
    return [[ahead, sizes[0] // ahead, *sizes[1:]] if sizes else [0] for sizes in resolved]


def _merged(view: NodeView, x: Activation, sizes: Shape) -> Placed:
    """A reshape of `[length, B, ...]` to `[length*B, ...]`: in the graph of `[B, length, ...]` to `[B*length, ...]`."""
    ahead, behind = sizes[0], math.prod(x.shapes[0][2:])
    factor = Fraction(behind, math.prod(sizes[2:]))
    apart = _steps([ahead], behind, [ahead], list(sizes[2:]), factor)
    return Placed(view, 0, (Call((*apart, Reshape(Fraction(ahead), sizes[2:]))),), ahead)


def _parted(view: NodeView, x: Activation, targets: Sequence[Sequence[int]]) -> Placed:
    """The way back, to `[length, B, ...]`."""
    written = view.file_length() if targets[0] == targets[1] else None
    rows = x.shapes[0][0] if written is None else written
    first = resolve(targets[0], (rows, *x.shapes[0][1:]), False)
    if first is None or first[:2] != [x.merged, rows // x.merged]:
        raise Refusal("it mixes the batch axis, which was merged with another, with others")
    return Placed(view, 1, (Call((Reshape(Fraction(1, x.merged), [x.merged, *first[2:]]),)),))


def _steps(
    before: list[int], behind: int, new_before: list[int], new_behind: list[int], factor: Fraction
) -> tuple[Reshape | Transpose, ...]:
    """Return the modules of a reshape `[B, before, behind]` to `[factor*B, new_before, new_behind]`.

    What leaves the batch's axis for the one behind it, or joins it from there, has to pass the axes before the batch's.
    """
    ahead = math.prod(before)
    last = Reshape(Fraction(1), [*new_before, *new_behind])
    if factor == 1:
        return (last,)
    if factor > 1:
        count = factor.numerator
        if factor.denominator != 1 or behind % count:
            raise Refusal("it mixes the batch axis with others")
        cut = Reshape(Fraction(1), [ahead, count, behind // count])
        return (cut, Transpose([0, 2, 1, 3]), Reshape(Fraction(count), [*new_before, *new_behind]))
    count = factor.denominator
    if factor.numerator != 1:
        raise Refusal("it mixes the batch axis with others")
    return (Reshape(factor, [count, ahead, behind]), Transpose([0, 2, 1, 3]), last)


def _meaning(view: NodeView, x: Activation, targets: Sequence[Sequence[int]]) -> tuple[Shape, int] | None:
    """Return the target at the first probe in the file's order, and the axis of the batch; None where there is none."""
    shapes = x.file_shapes
    allow_zero = bool(view.int_attribute("allowzero", 0))
    batch = view.file_batch
    ahead = math.prod(shapes[0][: x.batch_axis])
    resolved = [resolve(target, shape, allow_zero) for target, shape in zip(targets, shapes, strict=True)]
    if None not in resolved and (batch is None or targets[0] != targets[1]):  # what is read off a shape differs
        first, second = (tuple(sizes or ()) for sizes in resolved)
        places = [i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b]
        fits = len(places) == 1 and first[places[0]] * PROBES[1] == second[places[0]] * PROBES[0]
        return (first, places[0]) if fits and math.prod(first[: places[0]]) == ahead else None
    if batch is None or targets[0] != targets[1]:
        return None
    at_file = list(shapes[0])
    at_file[x.batch_axis] = at_file[x.batch_axis] * batch // PROBES[0]
    sizes = resolve(targets[0], at_file, allow_zero)
    if sizes is None:
        return None
    for place, size in enumerate(sizes):
        if math.prod(sizes[:place]) == ahead and size * PROBES[0] % batch == 0:
            return (*sizes[:place], size * PROBES[0] // batch, *sizes[place + 1 :]), place
    return None


def resolve(target: Sequence[int], shape: Sequence[int], allow_zero: bool) -> list[int] | None:
    """Return a reshape's target with 0 and -1 worked out for an input of this shape; None where it does not fit."""
    sizes = [shape[i] if size == 0 and not allow_zero and i < len(shape) else size for i, size in enumerate(target)]
    known = math.prod(size for size in sizes if size != -1)
    total = math.prod(shape)
    if not sizes or known < 1 or sizes.count(-1) > 1 or total % known:
        return None
    if -1 in sizes:
        sizes[sizes.index(-1)] = total // known
    return sizes if math.prod(sizes) == total else None


def _quantize(view: NodeView, batch: int, rank: int) -> Placed:
    """One scale for all, or one for each place along an axis."""
    if view.need_constant(1).size == 1:
        return Placed(view, batch)
    return Placed(_with(view, axis=_ours(int(view.attributes.get("axis", 1)), batch, rank)), batch)


PLACEMENTS: dict[str, Placement] = {
    **dict.fromkeys(_SAME.split(), _same),
    **dict.fromkeys(_BROADCAST.split(), _broadcast),
    **dict.fromkeys(_REDUCTIONS.split(), _reduction),
    **dict.fromkeys(("ArgMax", "ArgMin"), _arg_reduction),
    **dict.fromkeys(("Softmax", "LogSoftmax"), _softmax),
    **dict.fromkeys(("LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"), _trailing),
    **dict.fromkeys(("Split", "SplitToSequence"), _one_axis(0)),
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear"), _quantize),
    "Concat": _one_axis(None),
    "Expand": _expand,
    "Gather": _gather,
    "GatherND": _gather_nd,
    "LpNormalization": _one_axis(-1),
    "MatMul": _matmul,
    "Reshape": _reshape,
    "ScatterND": _same,
    "Slice": _slice,
    "Squeeze": _squeeze,
    "TopK": _one_axis(-1),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}


def placed(activation: Activation, place: Placed) -> Activation:
    """Return an activation as a node's output, of which the file has the batch elsewhere."""
    noted = (place.batch_axis, place.merged, place.rows)
    if (activation.batch_axis, activation.merged, activation.rows) == noted:
        return activation
    return replace(activation, batch_axis=place.batch_axis, merged=place.merged, rows=place.rows)
