"""What makes an axis longer or shorter: concat, slice, split, pad."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from snnconv.graph.emission import EMITTERS, Emission
from snnconv.graph.modules import Concat, Pad, Slice
from snnconv.graph.node import HANDLERS, Call, Constant, NodeView, Refusal

OPEN_END = np.iinfo(np.int32).max  # exporters write this or more for "to the end"


@HANDLERS.register(("", "Concat"))
def _import_concat(node: NodeView) -> Call:
    positions = tuple(i for i in range(len(node.operands)) if not node.is_constant(i))
    axis = node.axis(int(node.attributes["axis"]), node.rank(positions[0]))
    constants = {
        position: _per_sample(operand, node, positions[0])
        for position, operand in enumerate(node.operands)
        if isinstance(operand, Constant)
    }
    return Call((Concat(axis, constants),), positions)


def _per_sample(constant: Constant, node: NodeView, position: int) -> torch.Tensor:
    """A constant `[B, ...]` that is the same for each member of the batch, as `[1, ...]`."""
    sample = constant.values[0][:1]
    for value, shape in zip(constant.values, node.activation(position).shapes, strict=True):
        if (
            value.ndim != len(shape)
            or value.shape[0] not in (1, shape[0], node.file_length(position))
            or value.shape[1:] != sample.shape[1:]
            or (value != sample).any()
        ):
            raise Refusal(f"a constant of shape {value.shape} differs between members of a batch")
    return torch.from_numpy(np.array(sample, dtype=np.float32))


@HANDLERS.register(("", "Slice"))
def _import_slice(node: NodeView) -> Call:
    starts, stops = node.ints("starts", 1), node.ints("ends", 2)
    if starts is None or stops is None:
        raise Refusal("its starts or ends are missing")
    axes = node.ints("axes", 3)
    axes = list(range(len(starts))) if axes is None else axes
    steps = node.ints("steps", 4) or [1] * len(starts)
    whole = min(node.file_length() or OPEN_END, OPEN_END)  # a stop that takes in the whole batch
    kept: list[tuple[int, int, int, int]] = []
    for axis, start, stop, step in zip(axes, starts, stops, steps, strict=True):
        if step < 1:
            raise Refusal("a negative step is not supported")
        if axis % node.rank() == 0 and (start, step) == (0, 1) and stop >= whole:
            continue
        kept.append((node.axis(axis), start, stop, step))
    return Call((Slice(*([list(column) for column in zip(*kept, strict=True)])),) if kept else ())


@HANDLERS.register(("", "Split"))
def _import_split(node: NodeView) -> list[Call]:
    axis = node.axis(node.int_attribute("axis", 0))
    size, count = node.shape()[axis], len(node.outputs)
    parts = node.ints("split", 1)
    if parts is None:
        each = -(-size // node.int_attribute("num_outputs", count))
        parts = [min(each, size - i * each) for i in range(count)]
    if len(parts) != count:
        raise Refusal(f"its parts {parts} do not fit {count} outputs")
    return _cut(axis, size, parts)


@HANDLERS.register(("", "SplitToSequence"))
def _import_split_to_sequence(node: NodeView) -> list[Call]:
    axis = node.axis(node.int_attribute("axis", 0))
    size, split = node.shape()[axis], node.constant(1)
    if split is None:
        raise Refusal("its split is missing")
    if split.ndim:
        return _cut(axis, size, [int(part) for part in split])
    each = int(split)
    if each < 1:
        raise Refusal(f"its split is {each}")
    return _cut(axis, size, [min(each, size - start) for start in range(0, size, each)])


def _cut(axis: int, size: int, parts: Sequence[int]) -> list[Call]:
    if sum(parts) != size or min(parts, default=0) < 1:
        raise Refusal(f"its parts {parts} do not fit an axis of size {size}")
    starts = [sum(parts[:i]) for i in range(len(parts))]
    return [Call((Slice([axis], [start], [start + part], [1]),)) for start, part in zip(starts, parts, strict=True)]


@HANDLERS.register(("", "ScatterND"))
def _import_scatter(node: NodeView) -> Call:
    """Of an assignment to a slice that is all of the tensor, as `x[:] += y` is written."""
    indices, updates = node.operand(1), node.activation(2)
    if node.attributes.get("reduction", "none") != "none" or not isinstance(indices, Constant):
        raise Refusal("elements that are added to, or depend on the network's input, are not supported")
    for each, shape in zip(indices.values, node.activation().shapes, strict=True):
        length = node.file_length() if shape == node.shape() and node.file_batch else shape[0]
        if each.ndim != 2 or each.shape[1] != 1 or list(each[:, 0]) != list(range(length or shape[0])):
            raise Refusal("it changes a part of a tensor; only one that is replaced as a whole is supported")
    if updates.shapes != node.activation().shapes:
        raise Refusal("what is put in has another shape than what it is put into")
    return Call((), (2,))


@HANDLERS.register(("", "Pad"))
def _import_pad(node: NodeView) -> Call:
    rank = node.rank()
    pads = _whole_pads(node, rank)
    mode = node.attributes.get("mode", "constant")
    if mode not in Pad.MODES:
        raise Refusal(f"its mode {mode!r} is not known")
    first = next((axis for axis in range(1, rank) if pads[axis] or pads[axis + rank]), None)
    if first is None:
        return Call(())
    if mode == "constant":
        value = node.number("value", 2) or 0.0
        if np.isnan(value):
            raise Refusal("it pads with NaN")
        return Call((Pad(pads[first:rank] + pads[rank + first :], mode, value),))
    for axis in range(first, rank):
        size = node.shape()[axis]
        widest = {"reflect": size - 1, "wrap": size}.get(mode, OPEN_END)
        if not all(0 <= pads[end] <= widest for end in (axis, axis + rank)):
            raise Refusal(f"in mode {mode!r} an axis of size {size} cannot be padded by {pads}")
    return Call((Pad(pads[first:rank] + pads[rank + first :], mode),))


def _whole_pads(node: NodeView, rank: int) -> list[int]:
    """Begins, then ends, of every axis."""
    pads = node.ints("pads", 1)
    if pads is None:
        raise Refusal("its pads are missing")
    axes = node.ints("axes", 3)
    if axes is not None and len(pads) == 2 * len(axes):
        given = {axis % rank: (pads[i], pads[i + len(axes)]) for i, axis in enumerate(axes)}
        pads = [given.get(axis, (0, 0))[end] for end in (0, 1) for axis in range(rank)]
    if len(pads) != 2 * rank:
        raise Refusal(f"its pads {pads} do not fit an input of rank {rank}")
    if pads[0] or pads[rank]:
        raise Refusal("it pads the batch axis")
    return pads


@EMITTERS.register(Concat)
def _emit_concat(module: Concat, emission: Emission, inputs: Sequence[str], name: str) -> str:
    operands = list(inputs)
    for position in module.positions:
        constant = module.get_buffer(f"constant{position}")
        values = emission.parameter(constant, f"{name}.constant{position}")
        batch = emission.node("Shape", [inputs[0]], f"{name}.batch{position}", end=1)
        rest = emission.ints(constant.shape[1:], f"{name}.rest{position}")
        shape = emission.node("Concat", [batch, rest], f"{name}.shape{position}", axis=0)
        operands.insert(position, emission.node("Expand", [values, shape], f"{name}.expanded{position}"))
    return emission.node("Concat", operands, name, axis=module.axis)


@EMITTERS.register(Slice)
def _emit_slice(module: Slice, emission: Emission, inputs: Sequence[str], name: str) -> str:
    columns = [
        ("starts", module.starts),
        ("stops", module.stops),
        ("axes", module.axes),
        ("steps", module.steps),
    ]
    return emission.node("Slice", [*inputs, *(emission.ints(v, f"{name}.{k}") for k, v in columns)], name)


@EMITTERS.register(Pad)
def _emit_pad(module: Pad, emission: Emission, inputs: Sequence[str], name: str) -> str:
    if module.mode == "wrap":  # no mode of Pad before opset 19
        return _emit_wrap(module, emission, inputs[0], name)
    # pads of every axis: onnxruntime's optimizer moves a Transpose past a Pad as if it had no axes
    rank = len(module.pads) // 2
    leading = [0] * (emission.ranks[name] - rank)
    pads = emission.ints([*leading, *module.pads[:rank], *leading, *module.pads[rank:]], f"{name}.pads")
    operands = [*inputs, pads]
    if module.mode == "constant":
        operands.append(emission.constant(np.float32(module.value), f"{name}.value"))
    return emission.node("Pad", operands, name, mode=module.mode)


def _emit_wrap(module: Pad, emission: Emission, value: str, name: str) -> str:
    """Axis by axis: the end of the axis before it, its beginning behind it."""
    rank = len(module.pads) // 2
    for axis in range(rank):
        begin, end = module.pads[axis], module.pads[axis + rank]
        along = f"{name}.{axis}"
        axes = emission.ints([axis - rank], f"{along}.axis")
        parts = [value]
        if begin:
            bounds = [emission.ints([-begin], f"{along}.tail"), emission.ints([OPEN_END], f"{along}.open")]
            parts.insert(0, emission.node("Slice", [value, *bounds, axes], f"{along}.before"))
        if end:
            bounds = [emission.ints([0], f"{along}.zero"), emission.ints([end], f"{along}.head")]
            parts.append(emission.node("Slice", [value, *bounds, axes], f"{along}.after"))
        if len(parts) > 1:
            value = emission.node("Concat", parts, along, axis=axis - rank)
    return value
