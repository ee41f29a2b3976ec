"""Reshapes and copies of tensors whose batch is not the first axis or is merged with another, in the graph's order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from snnconv.graph.modules import Expand, Reshape, Transpose, Unsqueeze
from snnconv.graph.node import PROBES, Activation, Call, Constant, NodeView, Refusal, Shape
from snnconv.graph.placement import Placed

__all__ = ["expand", "reshape", "resolve"]


def expand(view: NodeView, batch: int, rank: int) -> Placed:
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


def reshape(view: NodeView, batch: int, rank: int) -> Placed:
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
