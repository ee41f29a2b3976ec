"""Axes of named inputs that an ONNX file leaves open: filled from what the user says, else from the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import TypeAlias

import onnx

from snnconv.errors import InvalidValueError
from snnconv.graph.node_order import live_values

__all__ = ["ShapeFinder", "closed_shapes"]

ShapeFinder: TypeAlias = Callable[[Sequence[str]], Mapping[str, Sequence[int]]]
"""Function that returns shapes of one sample by name, for the names of all inputs of a network."""

IMAGE_AXES = 4  # B, C, H, W: of an image the data may be of any size, and are cropped


def closed_shapes(
    proto: onnx.ModelProto, shapes: Mapping[str, Sequence[int]] | None, finder: ShapeFinder | None
) -> Mapping[str, Sequence[int]] | None:
    """Return shapes of named inputs, without the batch axis; those of one image or flat input go into the proto.

    Args:
        proto: Network, which is changed.
        shapes: Shapes that the user states, by name.
        finder: Function that tells shapes of the data, for inputs whose axes are open; None: there are no data.

    Raises:
        InvalidValueError: The network has no input of a name, or states another shape for it.
    """
    stored = {tensor.name for tensor in proto.graph.initializer}
    inputs = {value.name: value for value in proto.graph.input if value.name not in stored}
    unknown = [name for name in shapes or {} if name not in inputs]
    if unknown:
        raise InvalidValueError(
            f"A shape is given for {', '.join(unknown)}; the network's inputs are {', '.join(inputs)}."
        )
    known = {name: _fitting(inputs[name], shape) for name, shape in (shapes or {}).items()}
    is_image = len(inputs) == 1 and all(len(_sizes(value)) == IMAGE_AXES for value in inputs.values())
    opened = [name for name, value in inputs.items() if name not in known and 0 in _sizes(value)[1:]]
    if finder is not None and opened and not is_image:
        data_shapes = finder(list(inputs))
        known |= {name: _fitting(inputs[name], data_shapes[name]) for name in opened if name in data_shapes}
    _require_closed([inputs[name] for name in opened if name not in known], live_values(proto.graph))
    if len(inputs) == 1:
        for name, shape in known.items():
            _close(inputs[name], shape)
    return known or None


def _require_closed(opened: Sequence[onnx.ValueInfoProto], live: Set[str]) -> None:
    """Refuse several inputs that are still open, all at once; the importer itself refuses a single one."""
    opened = [value for value in opened if value.name in live]
    if len(opened) < 2:
        return
    shapes = ", ".join(f"{value.name} {_stated(value)}" for value in opened)
    options = " ".join(f"--input-shape {value.name}={','.join('N' for _ in _sizes(value)[1:])}" for value in opened)
    raise InvalidValueError(
        f"The shapes of inputs are open: {shapes}. Name them without the batch, {options} (in Python: "
        f"input_shapes={{{opened[0].name!r}: (...), ...}}), or give data that have them."
    )


def _sizes(value: onnx.ValueInfoProto) -> list[int]:
    """Return the sizes of an input's axes, 0 where one is open."""
    return [dim.dim_value for dim in value.type.tensor_type.shape.dim]


def _fitting(value: onnx.ValueInfoProto, shape: Sequence[int]) -> tuple[int, ...]:
    """Return a shape, unless it differs from what the file states."""
    stated = _sizes(value)[1:]
    if len(shape) != len(stated) or any(new < 1 or old not in (0, new) for new, old in zip(shape, stated, strict=True)):
        raise InvalidValueError(
            f"The input {value.name!r} is given the shape {list(shape)}; the file states {_stated(value)}."
        )
    return tuple(shape)


def _stated(value: onnx.ValueInfoProto) -> str:
    """Return the shape that the file states, as `[batch, ?]`."""
    return f"[{', '.join(['batch', *(str(size) if size > 0 else '?' for size in _sizes(value)[1:])])}]"


def _close(value: onnx.ValueInfoProto, shape: Sequence[int]) -> None:
    """Write a shape into the axes behind the batch."""
    for dim, size in zip(list(value.type.tensor_type.shape.dim)[1:], shape, strict=True):
        dim.dim_value = size
