"""One door in: an ONNX file, a timm name or an nn.Module becomes a Model."""

from __future__ import annotations

import difflib
import hashlib
import logging
import os
import re
import warnings
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import nn

import snnconv.neurons.functions
import snnconv.operators  # noqa: F401 - fills the registries
from snnconv.errors import FileError, InvalidValueError, ModelError, SnnconvError, UnsupportedOperatorsError
from snnconv.formats.nir import NirReading, is_nir, read_network
from snnconv.formats.onnx.metadata import INT8, METADATA_KEY, SINGLE_STEP, metadata_in
from snnconv.formats.onnx.reading import load_external_data, read_bytes, read_proto
from snnconv.graph.access import module_of
from snnconv.graph.importer import Imported, import_graph
from snnconv.graph.refusals import module_refusals
from snnconv.model import InputSpec, Model, Stage
from snnconv.neurons import QCFS, SpikingSite
from snnconv.neurons.site import require_positive_int

__all__ = ["is_nir_file", "load", "load_module"]

TIMM = "timm:"


def load(
    source: str | os.PathLike[str] | nn.Module | Model,
    *,
    size: int | None = None,
    pretrained: bool = True,
    nir: NirReading | None = None,
) -> Model:
    """Load a network.

    Args:
        source: path of an ONNX file, or of a NIR file of IF or LIF neurons; `timm:NAME`; an `nn.Module` for images
            `[B, 3, size, size]` (use `load_module` where it takes another shape); or a Model, which is returned as it
            is.
        size: height and width of the input, where the source leaves them open or another size is wanted.
        pretrained: of a timm name, whether to take timm's trained weights.
        nir: of a NIR file, what it leaves open: time steps, reset, seconds of a step.

    Returns:
        The model, in evaluation mode.

    Raises:
        FileError: the file is missing, damaged or not ONNX.
        ModelError: the network cannot be used; UnsupportedOperatorsError lists every node that stands in the way.
        InvalidValueError: the input's size is open and `size` is not given; or a NIR file does not state its time
            steps, or `nir` is given for what is none.
    """
    if nir is not None and nir != NirReading() and not (isinstance(source, (str, os.PathLike)) and is_nir_file(source)):
        raise InvalidValueError("Time steps, reset, dt and still are chosen of a NIR file: leave them out.")
    if size is not None:
        require_positive_int("size", size)
    if isinstance(source, Model):
        return source
    if isinstance(source, nn.Module):
        if size is None:
            raise InvalidValueError("An nn.Module does not state its input's size: give size=N, or use load_module.")
        return load_module(source, (3, size, size))
    name = os.fspath(source)
    if name.startswith(TIMM):
        return _load_timm(name[len(TIMM) :], size=size, pretrained=pretrained)
    if is_nir_file(name):
        return _load_nir(Path(name), size, nir or NirReading())
    return _load_file(Path(name), size)


def is_nir_file(source: str | os.PathLike[str]) -> bool:
    """Whether there is a file of this name that is HDF5, the container of NIR."""
    try:
        with open(source, "rb") as file:
            return is_nir(file.read(16))
    except (OSError, ValueError):  # the reader itself says what is wrong
        return False


def _load_nir(path: Path, size: int | None, reading: NirReading) -> Model:
    if size is not None:
        raise InvalidValueError(f"{path} states the size of its input: leave --size out.")
    data = read_bytes(path)
    model = read_network(data, path, reading)
    model.provenance = {"source": path.name, "source_sha256": hashlib.sha256(data).hexdigest()}
    return model


def load_module(module: nn.Module, sample_shape: tuple[int, ...], *, source: str | None = None) -> Model:
    """Load an `nn.Module` by way of ONNX, so that it meets the same importer as a file. The module is not changed.

    Args:
        module: takes one tensor `[B, *sample_shape]`.
        sample_shape: of one input, without the batch axis.
        source: what to name it in the provenance; its class by default.

    Raises:
        ModelError: torch cannot export it, or the graph cannot be imported.
        InvalidValueError: an axis of `sample_shape` has no length.
        UnsupportedOperatorsError: it holds operators that are not supported; all are listed.
    """
    if any(length < 1 for length in sample_shape):
        raise InvalidValueError(f"sample_shape is {tuple(sample_shape)}: every axis must have a length of at least 1.")
    training = {part: part.training for part in module.modules()}
    module.eval()
    try:
        proto = _export(module, sample_shape)
    finally:
        for part, flag in training.items():
            part.training = flag
    return _to_model(proto, {"source": source or type(module).__name__}, size=None)


def _export(module: nn.Module, sample_shape: tuple[int, ...]) -> onnx.ModelProto:
    """Export with a dynamic batch; nothing is optimised, so batch-norm stays and can be trained on."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    tensor = next(iter(module.parameters()), torch.zeros(()))
    example = torch.zeros(2, *sample_shape, device=tensor.device)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                module,
                (example,),
                dynamo=True,
                optimize=False,
                dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
                input_names=["input"],
                verbose=False,
            )
    except Exception as error:
        said = f"torch.onnx.export cannot export {type(module).__name__}: {_plain(error)}"
        if refused := module_refusals(module):
            raise UnsupportedOperatorsError(f"{said}\nWhat it holds could not be imported either", refused) from error
        raise ModelError(said) from error
    assert program is not None
    return program.model_proto


def _plain(error: Exception) -> str:
    """What an error says, the first lines of it, without colours."""
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()]
    said = [line for line in lines if line][:3]
    return " ".join(said) or type(error).__name__


def _load_timm(name: str, *, size: int | None, pretrained: bool) -> Model:
    import timm
    from timm.data import resolve_model_data_config

    if not timm.is_model(name):
        known = timm.list_models()
        near = [k for k in known if name and name in k] or difflib.get_close_matches(name, known, n=5)
        hint = f"Near it: {', '.join(near[:5])}." if near else "timm.list_models() lists them."
        raise InvalidValueError(f"timm has no model {name!r}. {hint}")
    try:
        module = timm.create_model(name, pretrained=pretrained)
    except Exception as error:
        if not pretrained:
            raise ModelError(f"timm cannot build {name!r}: {error}") from error
        raise ModelError(
            f"The trained weights of timm:{name} cannot be had: they are not in timm's cache here, and the hub that "
            f"has them cannot be reached ({type(error).__name__}). Go online once, or take random weights with "
            "--no-pretrained (in Python: pretrained=False)."
        ) from error
    config = resolve_model_data_config(module)
    channels, height, width = config["input_size"]
    shape = (channels, size or height, size or width)
    model = load_module(module, shape, source=f"{TIMM}{name}")
    model.input = InputSpec(
        channels,
        *shape[1:],
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        resize=round(shape[1] / config["crop_pct"]),
    )
    model.provenance["pretrained"] = pretrained
    return model


def _load_file(path: Path, size: int | None) -> Model:
    data, proto = read_proto(path)
    metadata = metadata_in(proto)
    if SINGLE_STEP in metadata:
        raise FileError(
            f"{path} is one step of a spiking network, which a host runs step by step and gives its state back "
            "(examples/stream_onnx.py): name the file that it was exported from."
        )
    if INT8 in metadata:
        raise FileError(
            f"{path} is a network in 8-bit integers, which is run (`snnconv evaluate`) and not changed: name the file "
            "that it was exported from."
        )
    load_external_data(proto, path)
    provenance = {"source": path.name, "source_sha256": hashlib.sha256(data).hexdigest()}
    try:
        return _to_model(proto, provenance, size=size)
    except SnnconvError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        # bytes that parse, and yet are no network: names that are no text, tensors without a type
        raise FileError(f"{path} is damaged ({type(error).__name__}: {error}). Export the network again.") from error


def _to_model(proto: onnx.ModelProto, provenance: dict[str, Any], *, size: int | None) -> Model:
    """Import, and tell the stage by the sites that are in the graph."""
    metadata = metadata_in(proto)
    imported = import_graph(proto, size=size)
    graph = imported.graph
    sites = [module_of(graph, node) for node in graph.graph.nodes if node.op == "call_module"]
    spiking = [site for site in sites if isinstance(site, SpikingSite)]
    if imported.frames is not None and not spiking:
        raise ModelError(
            f"The network takes {imported.frames} frames, folded over time, and has no neurons that could: only a "
            "spiking network's input changes over time. Export the network for single frames."
        )
    stage = Stage.SNN if spiking else Stage.QUANTIZED if any(isinstance(s, QCFS) for s in sites) else Stage.ANN
    spec = _input_spec(imported, metadata, size, spiking=bool(spiking))
    model = Model(graph, stage, spec, imported.outputs, provenance={**metadata.get("provenance", {}), **provenance})
    if metadata.get("provenance"):
        model.provenance["history"] = [
            *metadata["provenance"].get("history", []),
            _summary(metadata["provenance"]),
        ]
    if spiking:
        windows = {(site.timesteps, site.coupling) for site in spiking}
        if len(windows) > 1:
            raise ModelError(f"The sites disagree about time steps and coupling: {sorted(windows)}.")
        model.timesteps, model.coupling = windows.pop()
        model.levels = max(site.levels for site in spiking)
        model.outputs = imported.outputs[: len(imported.outputs) // 2]
    return model


def _summary(provenance: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in provenance.items() if key != "history"}


def _input_spec(imported: Imported, metadata: dict[str, Any], size: int | None, *, spiking: bool) -> InputSpec:
    """What the file states, else what its shape tells.

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
    if len(shape) == 1:
        return InputSpec(shape[0], None, None, layout="NC", timesteps=imported.frames).override(size=size)
    if len(shape) != 3:
        raise ModelError(
            f"The input has shape {list(shape)} beside the batch; images have three axes, flat inputs one."
        )
    if imported.channels_last:
        return InputSpec(shape[2], shape[0], shape[1], layout="NHWC", timesteps=imported.frames)
    return InputSpec(shape[0], shape[1], shape[2], timesteps=imported.frames)


def _frames(count: int | None) -> str:
    return "still inputs" if count is None else f"inputs of {count} frames"
