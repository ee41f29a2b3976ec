"""What a file states beside its nodes: versions, weights, and the shape of its input."""

from __future__ import annotations

from dataclasses import dataclass

import onnx
from onnx import TensorProto, numpy_helper

from snnconv.errors import InvalidValueError, ModelError
from snnconv.graph.inlining import OWN_DOMAIN
from snnconv.graph.naming import readable_name
from snnconv.graph.node import Constant, read_attributes
from snnconv.graph.size import Size, sides_of

__all__ = ["OLDEST_OPSET", "InputShape", "read_initializers", "read_input", "read_opsets"]

OLDEST_OPSET = 7
FOLD = "Fold"  # of our domain, and read by name: it alone may take an input `[T, B, ...]`
FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)


@dataclass(frozen=True)
class InputShape:
    """The one input of a network.

    Attributes:
        name: in the file.
        shape: of one input, without the batch axis; of one frame where the input changes over time.
        batch: the batch size that is written into the file, None where it is open.
        frames: number T of frames, the leading axis of an input that is folded over time; None: a still input.
        kind: floating-point type of its elements, as numpy names it.
    """

    name: str
    shape: tuple[int, ...]
    batch: int | None
    frames: int | None = None
    kind: str = "float32"


def read_opsets(model: onnx.ModelProto) -> dict[str, int]:
    """Version of each domain; that of standard operators is under the empty name.

    Raises:
        ModelError: the standard operators' version is unknown.
    """
    newest = onnx.defs.onnx_opset_version()
    versions = {("" if o.domain == "ai.onnx" else o.domain): o.version for o in model.opset_import}
    version = versions.setdefault("", 1)
    if not OLDEST_OPSET <= version <= newest:
        raise ModelError(
            f"The file is of opset {version}; opsets {OLDEST_OPSET} to {newest} are read. "
            "Export it again with one of these."
        )
    return versions


def read_initializers(graph: onnx.GraphProto) -> dict[str, Constant]:
    """The stored weights, by name.

    Raises:
        ModelError: a weight is sparse, damaged, or not loaded.
    """
    if graph.sparse_initializer:
        raise ModelError("The file stores sparse weights; store them densely.")
    away = [tensor.name for tensor in graph.initializer if tensor.data_location == TensorProto.EXTERNAL]
    if away:
        raise ModelError(f"The weights {', '.join(away)} are stored in another file and are not loaded.")
    constants = {}
    for tensor in graph.initializer:
        try:
            array = numpy_helper.to_array(tensor)
        except Exception as error:  # onnx raises what it likes on damaged data
            raise ModelError(f"The weight {tensor.name!r} is damaged: {error}") from error
        constants[tensor.name] = Constant((array, array), tensor.name)
    return constants


def read_input(graph: onnx.GraphProto, size: Size | None) -> InputShape:
    """The input that is no initializer; `size` replaces its height and width.

    Raises:
        ModelError: there is not exactly one such input, or it is no batch of floating-point tensors.
        InvalidValueError: its shape is open and `size` does not close it.
    """
    stored = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in stored]
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs) or "none"
        raise ModelError(f"The network must have one input; it has {len(inputs)} ({names}).")
    name, kind = inputs[0].name, inputs[0].type
    if kind.WhichOneof("value") != "tensor_type":
        raise ModelError(f"The input {name!r} is a {kind.WhichOneof('value') or 'value of no type'}, not a tensor.")
    if kind.tensor_type.elem_type not in FLOATS:
        given = onnx.helper.tensor_dtype_to_string(kind.tensor_type.elem_type).removeprefix("TensorProto.")
        raise ModelError(f"The input {name!r} holds {given}; floating-point numbers are needed.")
    if not kind.tensor_type.HasField("shape"):
        raise ModelError(f"The input {name!r} states no shape: export it with one.")
    sizes = [dim.dim_value if dim.HasField("dim_value") else 0 for dim in kind.tensor_type.shape.dim]
    frames = _frames(graph, name, sizes)
    batch, *rest = sizes if frames is None else sizes[1:]
    element = str(onnx.helper.tensor_dtype_to_np_dtype(kind.tensor_type.elem_type))
    return InputShape(name, _with_size(rest, size), batch if batch > 0 else None, frames, element)


def _frames(graph: onnx.GraphProto, name: str, sizes: list[int]) -> int | None:
    """T of an input `[T, B, ...]`, which one `Fold` reads; None of an input `[B, ...]`.

    Raises:
        ModelError: something else reads the input as well, or its axes are not those of frames.
    """
    readers = [node for node in graph.node if name in node.input]
    folds = [node for node in readers if (node.domain, node.op_type) == (OWN_DOMAIN, FOLD)]
    if not sizes:
        raise ModelError(f"The input {name!r} is a scalar; a batch of inputs is needed.")
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
    own = [read_attributes(node).get("timesteps") for node in graph.node if node.domain == OWN_DOMAIN]
    steps = {str(value) for value in own if value is not None}
    if sizes[0] < 1 or steps != {str(sizes[0])}:
        raise ModelError(
            f"The input {name!r} has {sizes[0] or 'an open number of'} frames along its first axis, the nodes of "
            f"{OWN_DOMAIN} are of T={' and '.join(sorted(steps)) or '?'} steps: each step takes one frame, so both "
            "must be the same fixed number."
        )
    return sizes[0]


def _with_size(sizes: list[int], size: Size | None) -> tuple[int, ...]:
    """Fill in the spatial axes: of `[C, H, W]` the last two, of `[H, W, C]` the first two."""
    sides = None if size is None else sides_of(size)
    if sides is not None and len(sizes) == 3:
        channels_last = sizes[2] in (1, 3, 4) and sizes[0] not in (1, 2, 3, 4)
        sizes = [*sides, sizes[2]] if channels_last else [sizes[0], *sides]
    if all(value > 0 for value in sizes):
        return tuple(sizes)
    shape = f"[batch, {', '.join(str(value) if value > 0 else '?' for value in sizes)}]"
    if size is None and len(sizes) == 3:
        raise InvalidValueError(
            f"The input's shape is open, {shape}: name the height and width with --size N (in Python: size=N)."
        )
    raise InvalidValueError(
        f"The input's shape is open, {shape}, and --size states only the height and width of images: "
        "export the network with every axis but the batch's fixed."
    )
