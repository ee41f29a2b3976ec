"""ONNX files as protos: opened, checked, and their weights read from beside them."""

from __future__ import annotations

import io
import os
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from snnconv.errors import FileError, unreadable
from snnconv.files import require_regular

__all__ = ["load_external_data", "read_bytes", "read_proto"]


def read_proto(path: Path) -> tuple[bytes, onnx.ModelProto]:
    """Return the bytes of an ONNX file, and the network in them.

    Raises:
        FileError: it is missing, damaged or not ONNX.
    """
    data = read_bytes(path)
    try:
        proto = onnx.load(io.BytesIO(data), load_external_data=False)
    except (DecodeError, ValueError, RuntimeError, MemoryError) as error:
        message = f"{path} is not an ONNX file, or is damaged: {error}. Export the network again."
        raise unreadable(path, error, message) from error
    if not proto.HasField("graph") or not proto.graph.node:
        raise FileError(f"{path} is not an ONNX file with a network in it: it holds no graph.")
    return data, proto


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        FileError: it is missing, empty, a folder, a pipe, or cannot be read.
    """
    if os.path.isdir(path):  # has an answer for names that no file can have, unlike pathlib
        raise FileError(f"{path} is a folder: name an ONNX file in it.")
    require_regular(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise FileError(f"{path} does not exist. Name an ONNX file, timm:NAME, or in `train` zoo:NAME.") from error
    except (OSError, ValueError, MemoryError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise unreadable(path, error, f"{path} cannot be read: {reason}.") from error
    if not data:
        raise FileError(f"{path} is empty. Name an ONNX file, or timm:NAME.")
    return data


def load_external_data(proto: onnx.ModelProto, path: Path) -> None:
    """Read the weights that are stored beside a file, and only there."""
    folder = path.parent.resolve()
    tensors = [*proto.graph.initializer]
    tensors += [a.t for node in proto.graph.node for a in node.attribute if a.type == onnx.AttributeProto.TENSOR]
    for tensor in tensors:
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
        try:
            target = (folder / location).resolve()
        except (OSError, ValueError, RuntimeError):  # no name of a file, or links in a circle
            target = folder
        if target == folder or Path(location).is_absolute() or not target.is_relative_to(folder):
            raise FileError(
                f"{path} keeps the weights {tensor.name!r} in {location!r}, outside its own folder, which is not read. "
                "Put the weights file beside the model."
            )
        if not os.path.isfile(target):
            raise FileError(
                f"{path} keeps the weights {tensor.name!r} in {location!r}, which does not exist beside it."
            )
    try:
        onnx.load_external_data_for_model(proto, str(folder))
    except (OSError, ValueError, RuntimeError, MemoryError, onnx.checker.ValidationError) as error:
        raise unreadable(path, error, f"The weights beside {path} cannot be read: {error}") from error
