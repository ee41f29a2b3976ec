"""What gives values another shape: flatten, reshape, transpose, squeeze, unsqueeze."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

from torch import nn

from snnconv.graph.emission import EMITTERS, Emission
from snnconv.graph.modules import Reshape, Squeeze, Transpose, Unsqueeze
from snnconv.graph.node import HANDLERS, PROBES, Call, Constant, NodeView, Refusal


@HANDLERS.register(("", "Flatten"))
def _import_flatten(node: NodeView) -> Call:
    axis, rank = node.int_attribute("axis", 1), node.rank()
    if not -rank <= axis <= rank:
        raise Refusal(f"axis {axis} is outside a tensor of rank {rank}")
    axis = axis + rank if axis < 0 else axis
    if axis == 0 and node.file_batch != 1:
        raise Refusal("it acts across the batch axis")
    if axis <= 1 and rank > 1:
        return Call((nn.Flatten(1),))  # of a single sample [1, ...] axes 0 and 1 give the same
    shape = node.shape()
    return Call((Reshape(Fraction(math.prod(shape[1:axis])), [math.prod(shape[max(axis, 1) :])]),))


@HANDLERS.register(("", "Reshape"))
def _import_reshape(node: NodeView) -> Call:
    wanted = node.operand(1)
    if not isinstance(wanted, Constant):
        raise Refusal("its target shape depends on the network's input, or is missing")
    targets = [[int(size) for size in value.reshape(-1)] for value in wanted.values]
    for first, second in _candidates(node, targets):
        if first[1:] == second[1:] and first[0] * PROBES[1] == second[0] * PROBES[0]:
            return Call((Reshape(Fraction(first[0], node.shape()[0]), first[1:]),))
    raise Refusal(
        f"its target shape {targets[0]} does not fit an input of shape {list(node.shape()[1:])} beside the "
        "batch, or mixes the batch axis with others"
    )


def _candidates(node: NodeView, targets: Sequence[list[int]]) -> Iterator[list[list[int]]]:
    """What the target may mean, a shape at each probe; the likeliest first.

    A batch size that is written into the file, in its input or only in this target, gives way to the real
    one: the target is then worked out at the file's own batch size, and axis 0 is scaled.
    """
    shapes = node.activation().shapes
    allow_zero = bool(node.int_attribute("allowzero", 0))
    as_it_stands = [_resolve(target, shape, allow_zero) for target, shape in zip(targets, shapes, strict=True)]
    written = []
    if targets[0] == targets[1]:
        batch = node.file_batch or 1
        for probe, shape in zip(PROBES, shapes, strict=True):
            own = _resolve(targets[0], [shape[0] * batch // probe, *shape[1:]], allow_zero)
            written.append(own and _scaled(own, probe, batch))
    order = [written, as_it_stands] if node.file_batch else [as_it_stands]
    if not node.file_batch and targets[0][:1] == [1]:
        order.append(written)
    for meaning in order:
        resolved = [shape for shape in meaning if shape]
        if len(resolved) == len(PROBES):
            yield resolved


def _scaled(sizes: list[int], probe: int, batch: int) -> list[int] | None:
    return None if sizes[0] * probe % batch else [sizes[0] * probe // batch, *sizes[1:]]


def _resolve(target: Sequence[int], shape: Sequence[int], allow_zero: bool) -> list[int] | None:
    """The target with 0 and -1 worked out for an input of this shape; None where it does not fit."""
    sizes = [shape[i] if size == 0 and not allow_zero and i < len(shape) else size for i, size in enumerate(target)]
    known = math.prod(size for size in sizes if size != -1)
    total = math.prod(shape)
    if not sizes or known < 1 or sizes.count(-1) > 1 or total % known:
        return None
    if -1 in sizes:
        sizes[sizes.index(-1)] = total // known
    return sizes if math.prod(sizes) == total else None


@HANDLERS.register(("", "Transpose"))
def _import_transpose(node: NodeView) -> Call:
    rank = node.rank()
    order = [int(axis) for axis in node.attributes.get("perm", reversed(range(rank)))]
    if sorted(order) != list(range(rank)):
        raise Refusal(f"its perm {order} does not fit an input of rank {rank}")
    if order[0] != 0:
        raise Refusal("it moves the batch axis")
    return Call(() if order == sorted(order) else (Transpose(order),))


@HANDLERS.register(("", "Squeeze"))
def _import_squeeze(node: NodeView) -> Call:
    axes, shape = node.ints("axes", 1), node.shape()
    if not axes:
        if node.file_batch == 1:
            raise Refusal("it drops the batch axis, which is 1 in this file; name its axes")
        axes = [axis for axis, size in enumerate(shape) if size == 1]
    axes = sorted(node.axis(axis) for axis in axes)
    if any(shape[axis] != 1 for axis in axes):
        raise Refusal(f"its axes {axes} of an input of shape {list(shape[1:])} beside the batch are not all 1")
    return Call((Squeeze(axes),) if axes else ())


@HANDLERS.register(("", "Unsqueeze"))
def _import_unsqueeze(node: NodeView) -> Call:
    axes = node.ints("axes", 1)
    if not axes:
        raise Refusal("its axes are missing")
    return Call((Unsqueeze([node.axis(axis, node.rank() + len(axes)) for axis in axes]),))


@EMITTERS.register(nn.Flatten)
def _emit_flatten(module: nn.Flatten, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("Flatten", inputs, name, axis=1)


@EMITTERS.register(Reshape)
def _emit_reshape(module: Reshape, emission: Emission, inputs: Sequence[str], name: str) -> str:
    keep = module.batch_factor == 1
    shape = emission.ints([0 if keep else -1, *module.trailing], f"{name}.shape")
    return emission.node("Reshape", [*inputs, shape], name)


@EMITTERS.register(Transpose)
def _emit_transpose(module: Transpose, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("Transpose", inputs, name, perm=list(module.order))


@EMITTERS.register(Squeeze, Unsqueeze)
def _emit_squeeze(module: Squeeze | Unsqueeze, emission: Emission, inputs: Sequence[str], name: str) -> str:
    axes = emission.ints(module.axes, f"{name}.axes")
    return emission.node(type(module).__name__, [*inputs, axes], name)
