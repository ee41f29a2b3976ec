"""Make a Model of an ONNX proto: its stage is told by the sites that are in the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnx

import snnconv.operators  # noqa: F401 - fills the registries
from snnconv.errors import FileError, ModelError
from snnconv.formats.onnx.metadata import METADATA_KEY, metadata_in
from snnconv.graph.access import module_of
from snnconv.graph.importer import Imported, import_graph
from snnconv.graph.size import Size
from snnconv.inputspec import InputPart
from snnconv.loading.embeddings import with_limits
from snnconv.model import InputSpec, Model, typed
from snnconv.neurons import SpikingSite

__all__ = ["model_of"]


def model_of(
    proto: onnx.ModelProto,
    provenance: dict[str, Any],
    *,
    size: Size | None,
    shapes: Mapping[str, Sequence[int]] | None = None,
) -> Model:
    """Import a proto, and tell the stage by the sites that are in the graph.

    Args:
        proto: Network, its weights loaded.
        provenance: Source of the network.
        size: Height and width of the input, where the proto leaves them open or another size is wanted.
        shapes: Shapes of named inputs, without the batch axis, where the proto leaves axes open.

    Raises:
        FileError: The metadata that snnconv wrote are damaged.
        ModelError: The network cannot be used.
        InvalidValueError: The height and width are open and `size` is not given.
    """
    metadata = metadata_in(proto)
    imported = import_graph(proto, size=size, shapes=shapes)
    graph = imported.graph
    sites = [module_of(graph, node) for node in graph.graph.nodes if node.op == "call_module"]
    spiking = [site for site in sites if isinstance(site, SpikingSite)]
    if imported.frames is not None and not spiking:
        raise ModelError(
            f"The network takes {imported.frames} frames, folded over time, and has no neurons that could: only a "
            "spiking network's input changes over time. Export the network for single frames."
        )
    spec = with_limits(_input_spec(imported, metadata, size, spiking=bool(spiking)), graph)
    outputs = imported.outputs[: len(imported.outputs) // 2] if spiking else imported.outputs
    model = typed(Model(graph, spec, outputs, {**metadata.get("provenance", {}), **provenance}))
    if metadata.get("provenance"):
        earlier = metadata["provenance"]
        before = {key: value for key, value in earlier.items() if key != "history"}
        model.provenance["history"] = [*earlier.get("history", []), before]
    windows = {(site.timesteps, site.coupling) for site in spiking}
    if len(windows) > 1:
        raise ModelError(f"The sites disagree about time steps and coupling: {sorted(windows)}.")
    return model


def _input_spec(imported: Imported, metadata: dict[str, Any], size: Size | None, *, spiking: bool) -> InputSpec:
    """Return the input that the file states, else what its shape tells.

    A network that does not spike takes single frames also where its data change over time, which only the file states.
    """
    shape = imported.input_shape
    if metadata.get("input") is not None:
        stored = InputSpec.from_dict(metadata["input"]).override(size=size)
        if stored.sample_shape() != shape:
            raise FileError(
                f"The file's own {METADATA_KEY} metadata is damaged: it states inputs {list(stored.sample_shape())}, "
                f"the network takes {list(shape)}."
            )
        if spiking and stored.timesteps != imported.frames:
            raise FileError(
                f"The file's own {METADATA_KEY} metadata is damaged: it states {_frames(stored.timesteps)}, the "
                f"network takes {_frames(imported.frames)}."
            )
        return stored
    if imported.parts:
        return InputSpec.of_parts([InputPart(*part) for part in imported.parts])
    if len(shape) == 1:
        return InputSpec(shape[0], None, None, layout="NC", timesteps=imported.frames).override(size=size)
    if imported.channels_last:
        return InputSpec(shape[2], shape[0], shape[1], layout="NHWC", timesteps=imported.frames)
    return InputSpec(shape[0], shape[1], shape[2], timesteps=imported.frames)


def _frames(count: int | None) -> str:
    return "still inputs" if count is None else f"inputs of {count} frames"
