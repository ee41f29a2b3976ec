"""Any stage as one ONNX file of standard operators and our functions."""

from __future__ import annotations

import json
import os
import tempfile
from importlib.metadata import version
from pathlib import Path

import onnx

from snnconv.domain import DOMAIN, VERSION, functions
from snnconv.errors import FileError
from snnconv.graph.access import results
from snnconv.graph.emission import OPSET
from snnconv.graph.exporter import emit_graph
from snnconv.loading import METADATA_KEY
from snnconv.model import Model, Stage

__all__ = ["require_writable", "save", "to_onnx", "write_atomically"]

IR_VERSION = 9  # the oldest that every onnxruntime since 1.17 and opset 18 with functions agree on


def to_onnx(model: Model) -> onnx.ModelProto:
    """The model as an ONNX proto, with its input spec, settings and provenance in the metadata.

    Args:
        model: any stage. The input is `[batch, ...]`, of an SNN whose input changes over time `[T, batch, ...]`. An
            SNN's outputs are the time means `[batch, ...]`, named as the network's own outputs, and then
            `<name>_steps`, the same outputs at every step, `[T, batch, ...]`.

    Raises:
        ModelError: a module has no ONNX form.
    """
    names, shapes = _outputs(model)
    frames = model.input.timesteps if model.stage is Stage.SNN else None
    graph = emit_graph(model.graph, model.input.sample_shape(), names, shapes, frames=frames)
    used = {node.op_type for node in graph.node if node.domain == DOMAIN}
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    if used:
        opsets.append(onnx.helper.make_opsetid(DOMAIN, VERSION))
    proto = onnx.helper.make_model(
        graph,
        opset_imports=opsets,
        functions=[function for name, function in functions().items() if name in used],
        producer_name="snnconv",
        producer_version=version("snnconv"),
        ir_version=IR_VERSION,
    )
    metadata = {
        "stage": model.stage.value,
        "timesteps": model.timesteps,
        "levels": model.levels,
        "coupling": model.coupling.value if model.coupling else None,
        "input": model.input.to_dict(),
        "provenance": model.provenance,
    }
    onnx.helper.set_model_props(proto, {METADATA_KEY: json.dumps(metadata)})
    onnx.checker.check_model(proto)
    return proto


def _outputs(model: Model) -> tuple[list[str], list[list[int | str]]]:
    """Names and shapes of the outputs; an SNN's steps come after its time means."""
    batched: list[list[int | str]] = [["batch", *node.meta["shape"]] for node in results(model.graph)]
    if model.timesteps is None:
        return list(model.outputs), batched
    names = [*model.outputs, *(f"{name}_steps" for name in model.outputs)]
    means = len(model.outputs)
    return names, [*batched[:means], *([model.timesteps, *shape] for shape in batched[:means])]


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that at every moment the old one or the new one is there, whole.

    Raises:
        FileError: the folder is missing or not writable, or the disk is full; the old file is untouched.
    """
    target = _target(path)
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
        temporary = None
    except OSError as error:
        raise FileError(f"{target} cannot be written: {error.strerror or error}. Name another path with -o.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def require_writable(path: str | os.PathLike[str]) -> None:
    """Refuse a path that cannot be written, before work that would be lost.

    Raises:
        FileError: the folder is missing or not writable, or the path is a folder or a device.
    """
    target = _target(path)
    if not os.path.isdir(target.parent):
        raise FileError(f"{target} cannot be written: the folder {target.parent} does not exist.")
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}."):
            pass
    except OSError as error:
        raise FileError(f"{target} cannot be written: {error.strerror or error}. Name another path with -o.") from error


def _target(path: str | os.PathLike[str]) -> Path:
    """The path as a file to be; os.path, unlike pathlib, has an answer for names that no file can have."""
    target = Path(path)
    if os.path.isdir(target):
        raise FileError(f"{target} is a folder: name a file to write.")
    if os.path.exists(target) and not os.path.isfile(target):
        raise FileError(f"{target} is no regular file: name a file to write.")
    return target


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def save(model: Model, path: str | os.PathLike[str]) -> Path:
    """Write a model as one ONNX file, atomically; `snnconv.load` reads it back and goes on.

    Args:
        model: any stage.
        path: where to; an existing file is replaced.

    Returns:
        The path.

    Raises:
        FileError: it cannot be written; nothing is left behind.
        ModelError: a module has no ONNX form.
    """
    write_atomically(path, to_onnx(model).SerializeToString())
    return Path(path)
