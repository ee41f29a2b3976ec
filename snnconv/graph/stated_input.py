"""The inputs that a file states: their shapes, axes that are open, and frames."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import onnx
from onnx import TensorProto

from snnconv.errors import InvalidValueError, ModelError
from snnconv.graph.inlining import OWN_DOMAIN
from snnconv.graph.naming import readable_name
from snnconv.graph.node import Kind, read_attributes
from snnconv.graph.node_order import live_values
from snnconv.graph.size import Size, sides_of

__all__ = ["InputShape", "StatedPart", "read_input"]

FOLD = "Fold"  # of our domain, and read by name: it alone may take an input `[T, B, ...]`
PASSING = ("Cast", "CastLike", "Dropout", "Identity", FOLD)  # between an input and the transpose that turns it
TURNS = [0, 3, 1, 2]  # perm of a transpose from channels last to channels first
FLOATS = ("FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16")
INTEGERS = ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
KINDS: dict[int, Kind] = {
    **{getattr(TensorProto, name): "float" for name in FLOATS},
    **{getattr(TensorProto, name): "int" for name in INTEGERS},
    TensorProto.BOOL: "bool",
}


class StatedPart(NamedTuple):
    """A named input as a file states it: its shape is that of one sample, without the batch axis."""

    name: str
    shape: tuple[int, ...]
    kind: Kind


@dataclass(frozen=True)
class InputShape:
    """The input of a network: one tensor, or named parts that lie one behind the other in rows of numbers.

    Attributes:
        name: Name in the file; of several parts, their names.
        shape: Shape of one input, without the batch axis; of one frame where the input changes over time; of rows
            `(F,)`.
        batch: Batch size that is written into the file, None where it is open.
        frames: Number T of frames, the leading axis of an input that is folded over time; None: a still input.
        channels_last: True where it is an image `[H, W, C]`.
        kind: Floating-point type of its elements, as numpy names it.
        parts: Named parts of the rows; empty where the input is an image or flat.
    """

    name: str
    shape: tuple[int, ...]
    batch: int | None
    frames: int | None = None
    channels_last: bool = False
    kind: str = "float32"
    parts: tuple[StatedPart, ...] = ()


def read_input(
    graph: onnx.GraphProto, size: Size | None, shapes: Mapping[str, Sequence[int]] | None = None
) -> InputShape:
    """Return the inputs that are no initializers, and that an output depends on.

    Args:
        graph: Graph of the file.
        size: Height and width that replace those of an image.
        shapes: Shapes of named inputs, without the batch axis, where the file leaves axes open.

    Raises:
        ModelError: There is no input, or one is no batch of tensors.
        InvalidValueError: A shape is open and neither `size` nor `shapes` closes it.
    """
    stored = {tensor.name for tensor in graph.initializer}
    live = live_values(graph)
    inputs = [value for value in graph.input if value.name not in stored]
    inputs = [value for value in inputs if value.name in live] or inputs
    if not inputs:
        raise ModelError("The network has no input.")
    stated = [(value.name, _tensor_type(value), _stated_sizes(value)) for value in inputs]
    name, kind, sizes = stated[0]
    if len(stated) > 1 or not _is_plain(graph, name, kind, sizes):
        return _parts(stated, shapes or {})
    frames = _frames(graph, name, sizes)
    batch, *rest = sizes if frames is None else sizes[1:]
    channels_last = _is_channels_last(rest, turned=_is_turned(graph, name))
    shape = _with_size(name, rest, size, channels_last=channels_last)
    element = str(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
    return InputShape(name, shape, batch if batch > 0 else None, frames, channels_last, element)


def _tensor_type(value: onnx.ValueInfoProto) -> onnx.TypeProto.Tensor:
    """Return the type of an input that is a tensor of numbers of a stated shape."""
    name, kind = value.name, value.type
    if kind.WhichOneof("value") != "tensor_type":
        raise ModelError(f"The input {name!r} is a {kind.WhichOneof('value') or 'value of no type'}, not a tensor.")
    if kind.tensor_type.elem_type not in KINDS:
        kind_name = onnx.helper.tensor_dtype_to_string(kind.tensor_type.elem_type).removeprefix("TensorProto.")
        raise ModelError(f"The input {name!r} holds {kind_name}; floating-point or whole numbers are needed.")
    if not kind.tensor_type.HasField("shape"):
        raise ModelError(f"The input {name!r} states no shape: export it with one.")
    return kind.tensor_type


def _stated_sizes(value: onnx.ValueInfoProto) -> list[int]:
    """Return the sizes of an input's axes, 0 where one is open."""
    sizes = [dim.dim_value if dim.HasField("dim_value") else 0 for dim in value.type.tensor_type.shape.dim]
    if not sizes:
        raise ModelError(f"The input {value.name!r} is a scalar; a batch of inputs is needed.")
    return sizes


def _is_plain(graph: onnx.GraphProto, name: str, kind: onnx.TypeProto.Tensor, sizes: list[int]) -> bool:
    """Whether an input is an image or a flat sample of floating-point numbers, or frames of such."""
    return KINDS[kind.elem_type] == "float" and (len(sizes) in (2, 4) or _frames(graph, name, sizes) is not None)


def _parts(
    stated: Sequence[tuple[str, onnx.TypeProto.Tensor, list[int]]], shapes: Mapping[str, Sequence[int]]
) -> InputShape:
    """Return named inputs as parts of one row of numbers."""
    unknown = [name for name in shapes if name not in {name for name, _, _ in stated}]
    if unknown:
        names = ", ".join(name for name, _, _ in stated)
        raise InvalidValueError(f"A shape is given for {', '.join(unknown)}; the network's inputs are {names}.")
    parts = tuple(
        StatedPart(name, _closed(name, sizes[1:], shapes.get(name)), KINDS[kind.elem_type])
        for name, kind, sizes in stated
    )
    batches = {sizes[0] for _, _, sizes in stated}
    batch = batches.pop() if len(batches) == 1 else 0
    length = sum(math.prod(part.shape) for part in parts)
    return InputShape(", ".join(part.name for part in parts), (length,), batch or None, parts=parts)


def _closed(name: str, sizes: Sequence[int], given: Sequence[int] | None) -> tuple[int, ...]:
    """Return the shape of one sample of a named input, open axes filled in.

    Raises:
        InvalidValueError: An axis is open, or the given shape differs from what the file states.
    """
    shape = f"[batch, {', '.join(str(value) if value > 0 else '?' for value in sizes)}]"
    if given is None:
        if all(value > 0 for value in sizes):
            return tuple(sizes)
        count = ",".join("N" for _ in sizes)
        raise InvalidValueError(
            f"The shape of the input {name!r} is open, {shape}: name it without the batch, --input-shape "
            f"{name}={count} (in Python: input_shapes={{{name!r}: (...)}})."
        )
    if len(given) != len(sizes) or any(new < 1 or old not in (0, new) for new, old in zip(given, sizes, strict=True)):
        raise InvalidValueError(f"The input {name!r} is given the shape {list(given)}; the file states {shape}.")
    return tuple(given)


def _is_channels_last(sizes: Sequence[int], *, turned: bool) -> bool:
    """Whether an image is `[H, W, C]`: it has as many channels as images have, and is turned or too high for channels.

    Args:
        sizes: Sizes without the batch axis, 0 where a size is open.
        turned: True where the network turns its input to channels first.
    """
    return len(sizes) == 3 and sizes[2] in (1, 3, 4) and (turned or sizes[0] not in (1, 2, 3, 4))


def _is_turned(graph: onnx.GraphProto, name: str) -> bool:
    """Whether a node turns the input of this name to channels first, maybe behind others that pass it on."""
    passed_on = {name}
    for node in graph.node:
        if not node.input or node.input[0] not in passed_on:
            continue
        if node.op_type == "Transpose" and read_attributes(node).get("perm") == TURNS:
            return True
        if node.op_type in PASSING and node.output:
            passed_on.add(node.output[0])
    return False


def _frames(graph: onnx.GraphProto, name: str, sizes: list[int]) -> int | None:
    """T of an input `[T, B, ...]`, which one `Fold` reads; None of an input `[B, ...]`.

    Raises:
        ModelError: something else reads the input as well, or its axes are not those of frames.
    """
    readers = [node for node in graph.node if name in node.input]
    folds = [node for node in readers if (node.domain, node.op_type) == (OWN_DOMAIN, FOLD)]
    if not folds:
        return None
    if len(readers) > 1 or any(value.name == name for value in graph.output):
        raise ModelError(
            f"The input {name!r} is folded over time by {readable_name(folds[0])!r}, which nothing but that may read."
        )
    if len(sizes) < 2:
        raise ModelError(
            f"The input {name!r} is a vector; time steps of a batch of inputs, [T, batch, ...], are needed."
        )
    stated = [read_attributes(node).get("timesteps") for node in graph.node if node.domain == OWN_DOMAIN]
    steps = {str(value) for value in stated if value is not None}
    if sizes[0] < 1 or steps != {str(sizes[0])}:
        raise ModelError(
            f"The input {name!r} has {sizes[0] or 'an open number of'} frames along its first axis, the nodes of "
            f"{OWN_DOMAIN} are of T={' and '.join(sorted(steps)) or '?'} steps: each step takes one frame, so both "
            "must be the same fixed number."
        )
    return sizes[0]


def _with_size(name: str, sizes: list[int], size: Size | None, *, channels_last: bool) -> tuple[int, ...]:
    """Fill in the spatial axes: of `[C, H, W]` the last two, of `[H, W, C]` the first two."""
    sides = None if size is None else sides_of(size)
    if sides is not None and len(sizes) == 3:
        sizes = [*sides, sizes[2]] if channels_last else [sizes[0], *sides]
    if all(value > 0 for value in sizes):
        return tuple(sizes)
    shape = f"[batch, {', '.join(str(value) if value > 0 else '?' for value in sizes)}]"
    if size is None and len(sizes) == 3:
        raise InvalidValueError(
            f"The input's shape is open, {shape}: name the height and width with --size N or H,W (in Python: size=N)."
        )
    count = ",".join("N" for _ in sizes)
    raise InvalidValueError(
        f"The input's shape is open, {shape}, and --size states only the height and width of images: name it without "
        f"the batch, --input-shape {name}={count} (in Python: input_shapes={{{name!r}: (...)}}), or export the network "
        "with every axis but the batch's fixed."
    )
