"""Any stage as one ONNX file of standard operators and our functions."""

from __future__ import annotations

import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx

from snnconv.errors import InvalidValueError
from snnconv.files import write_atomically
from snnconv.formats.onnx.metadata import METADATA_KEY
from snnconv.graph.access import results
from snnconv.graph.emission import OPSET
from snnconv.graph.exporter import emit_graph
from snnconv.model import SNN, Model
from snnconv.neurons.onnx_functions import DOMAIN, VERSION, functions

__all__ = ["metadata_of", "output_tensors", "save", "to_onnx", "wrapped"]

IR_VERSION = 9  # the oldest that every onnxruntime since 1.17 and opset 18 with functions agree on


def to_onnx(model: Model) -> onnx.ModelProto:
    """Return the model as an ONNX proto, with its input spec, settings and provenance in the metadata.

    Args:
        model: Network at any stage. The input is `[batch, ...]`, of an SNN whose input changes over time
            `[T, batch, ...]`. An SNN's outputs are the time means `[batch, ...]`, named as the network's own outputs,
            and then `<name>_steps`, the same outputs at every step, `[T, batch, ...]`.

    Raises:
        ModelError: Modules have no ONNX form; all of them are listed.
    """
    names, shapes = output_tensors(model)
    frames = model.input.timesteps if isinstance(model, SNN) else None
    graph = emit_graph(model.graph, model.input.sample_shape(), names, shapes, frames=frames)
    return wrapped(graph, metadata_of(model))


def metadata_of(model: Model) -> dict[str, Any]:
    """Return what a file says of its network, for `snnconv.load`."""
    return {
        "stage": model.stage.value,
        "timesteps": model.timesteps,
        "levels": model.levels,
        "coupling": model.coupling.value if model.coupling else None,
        "code": model.code.value if model.code else None,
        "octaves": model.octaves,
        "input": model.input.to_dict(),
        "provenance": model.provenance,
    }


def wrapped(graph: onnx.GraphProto, metadata: dict[str, Any]) -> onnx.ModelProto:
    """Return a checked file of a graph, with the functions that it calls.

    Args:
        graph: Graph of standard operators and our functions.
        metadata: JSON-ready values that `snnconv.load` reads.
    """
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
    onnx.helper.set_model_props(proto, {METADATA_KEY: json.dumps(metadata)})
    onnx.checker.check_model(proto)
    return proto


def output_tensors(model: Model) -> tuple[list[str], list[list[int | str]]]:
    """Return the names and shapes of the outputs; an SNN's steps come after its time means."""
    batched: list[list[int | str]] = [["batch", *node.meta["shape"]] for node in results(model.graph)]
    if model.timesteps is None:
        return list(model.outputs), batched
    names = [*model.outputs, *(f"{name}_steps" for name in model.outputs)]
    means = len(model.outputs)
    return names, [*batched[:means], *([model.timesteps, *shape] for shape in batched[:means])]


def save(model: Model, path: str | os.PathLike[str]) -> Path:
    """Write a model as one ONNX file, atomically; `snnconv.load` reads it back and goes on.

    Args:
        model: Network at any stage, which `load`, `convert`, `train` and `finetune` return.
        path: Name of the file; an existing one is replaced.

    Returns:
        The path.

    Raises:
        FileError: It cannot be written; nothing is left behind.
        ModelError: Modules have no ONNX form; all of them are listed.
        InvalidValueError: It is no Model.
    """
    if not isinstance(model, Model):
        raise InvalidValueError(f"save takes a Model, not a {type(model).__name__}: load it first (snnconv.load).")
    write_atomically(path, to_onnx(model).SerializeToString())
    return Path(path)
