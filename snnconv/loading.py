"""One door in: an ONNX file, a timm name or an nn.Module becomes a Model."""

from __future__ import annotations

import difflib
import hashlib
import logging
import os
import re
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import onnx
import torch
from torch import nn

import snnconv.operators  # noqa: F401 - fills the registries
from snnconv.errors import (
    FileError,
    InvalidValueError,
    ModelError,
    SnnconvError,
    UnsupportedOperatorsError,
    is_out_of_memory,
    unreadable,
)
from snnconv.formats.nir import NirReading, is_nir, read_network
from snnconv.formats.onnx.metadata import INT8, METADATA_KEY, SINGLE_STEP, metadata_in
from snnconv.formats.onnx.reading import load_external_data, read_bytes, read_proto
from snnconv.graph.access import module_of
from snnconv.graph.importer import Imported, import_graph
from snnconv.graph.refusals import module_refusals
from snnconv.model import InputSpec, Model, typed
from snnconv.neurons import SpikingSite
from snnconv.neurons.bodies import changed_bodies
from snnconv.neurons.onnx_functions import DOMAIN, VERSION, functions  # fills the registries, too
from snnconv.neurons.site import require_positive_int

__all__ = ["is_nir_file", "load", "load_module"]

TIMM = "timm:"
HUB_ANSWERS_S = 5.0


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
        size: height and width of the input, where the source leaves them open or another size is wanted; of a Model,
            whose size is settled, its own or None.
        pretrained: of a timm name, whether to take timm's trained weights.
        nir: of a NIR file, what it leaves open: time steps, reset, seconds of a step.

    Returns:
        The model, in evaluation mode.

    Raises:
        FileError: the file is missing, damaged or not ONNX.
        ModelError: the network cannot be used; UnsupportedOperatorsError lists every node that stands in the way.
        InvalidValueError: the input's size is open and `size` is not given, or a Model is of another size; or a NIR
            file does not state its time steps, or `nir` is given for what is none.

    Warns:
        SnnconvWarning: the file casts activations to a floating-point type with fewer digits than float32.
    """
    if nir is not None and nir != NirReading() and not (isinstance(source, (str, os.PathLike)) and is_nir_file(source)):
        raise InvalidValueError("Time steps, reset, dt and still are chosen of a NIR file: leave them out.")
    if size is not None:
        require_positive_int("size", size)
    if isinstance(source, Model):
        _require_size(source, size)
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


def _require_size(model: Model, size: int | None) -> None:
    """Refuse a size that a Model, which is returned as it is, does not have."""
    height, width = model.input.height, model.input.width
    if size is None or (height, width) == (size, size):
        return
    if model.input.layout == "NC":
        raise InvalidValueError(
            f"size is {size}, and the model takes a flat input of {model.input.channels} values: leave size out."
        )
    raise InvalidValueError(
        f"size is {size}, and the model takes images of {height} x {width}, which is settled once it is loaded: leave "
        f"size out, or load what the model was loaded from with size={size}."
    )


def is_nir_file(source: str | os.PathLike[str]) -> bool:
    """Whether there is a file of this name that is HDF5, the container of NIR."""
    if not os.path.isfile(source):  # a pipe would block
        return False
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
    tensor = next(iter(module.parameters()), torch.zeros(()))
    example = torch.zeros(2, *sample_shape, device=tensor.device)
    try:
        with _quiet_exporter():
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
        if is_out_of_memory(error):
            raise
        said = f"torch.onnx.export cannot export {type(module).__name__}: {_plain(error)}"
        if refused := module_refusals(module):
            raise UnsupportedOperatorsError(f"{said}\nWhat it holds could not be imported either", refused) from error
        raise ModelError(said) from error
    assert program is not None
    return program.model_proto


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Let torch's exporter say nothing but errors meanwhile."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _plain(error: Exception) -> str:
    """What an error says, the first lines of it, without colours."""
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()]
    said = [line for line in lines if line][:3]
    return " ".join(said) or type(error).__name__


def _reason(error: Exception) -> str:
    said = _plain(error)
    return said if type(error).__name__ in said else f"{type(error).__name__}: {said}"


@contextmanager
def _offline_at_once() -> Iterator[str]:
    """Keep huggingface_hub, which timm fetches weights with, from trying for a minute where nothing answers.

    Yields:
        Why its hub cannot be reached; empty where it can, and where a proxy or the user's settings decide.
    """
    from huggingface_hub import constants

    hub = urlsplit(constants.ENDPOINT)
    reason = ""
    if not constants.HF_HUB_OFFLINE and not getproxies():
        try:
            socket.create_connection((hub.hostname, hub.port or 443), timeout=HUB_ANSWERS_S).close()
        except OSError as error:
            reason = f"{hub.hostname} cannot be reached ({error.strerror or error})"
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or bool(reason)
    try:
        yield reason
    finally:
        constants.HF_HUB_OFFLINE = before


def _load_timm(name: str, *, size: int | None, pretrained: bool) -> Model:
    import timm
    from timm.data import resolve_model_data_config

    if not timm.is_model(name):
        known = timm.list_models()
        near = [k for k in known if name and name in k] or difflib.get_close_matches(name, known, n=5)
        hint = f"Near it: {', '.join(near[:5])}." if near else "timm.list_models() lists them."
        raise InvalidValueError(f"timm has no model {name!r}. {hint}")
    try:
        with _offline_at_once() if pretrained else nullcontext() as offline:
            module = timm.create_model(name, pretrained=pretrained)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        if not pretrained:
            raise ModelError(f"timm cannot build {name!r}: {error}") from error
        missing = type(error).__name__ in ("LocalEntryNotFoundError", "OfflineModeIsEnabled")
        said = f"they are not in timm's cache here, and {offline}" if offline and missing else _reason(error)
        raise ModelError(
            f"The trained weights of timm:{name} cannot be had: {said.rstrip('.')}. Go online once where that is "
            "why, or take random weights with --no-pretrained (in Python: pretrained=False)."
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
    _require_own_functions(proto, path)
    load_external_data(proto, path)
    provenance = {"source": path.name, "source_sha256": hashlib.sha256(data).hexdigest()}
    try:
        return _to_model(proto, provenance, size=size)
    except SnnconvError:
        raise
    except (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError) as error:
        # bytes that parse, and yet are no network: names that are no text, tensors without a type
        message = f"{path} is damaged ({type(error).__name__}: {error}). Export the network again."
        raise unreadable(path, error, message) from error


def _require_own_functions(proto: onnx.ModelProto, path: Path) -> None:
    """Refuse functions of our domain that are not ours: what is loaded here would not be what the file computes."""
    newest = max((opset.version for opset in proto.opset_import if opset.domain == DOMAIN), default=VERSION)
    if newest > VERSION:
        raise FileError(
            f"{path} holds functions of {DOMAIN} in version {newest}, of which this snnconv knows {VERSION} and less: "
            "load it with the snnconv that wrote it, or a newer one."
        )
    if not any(function.domain == DOMAIN for function in proto.functions):
        return
    if changed := changed_bodies(proto, functions()):
        raise FileError(
            f"{path} holds functions of {DOMAIN} that are not as snnconv writes them: {', '.join(changed)}. Other "
            "runtimes compute what these say, and snnconv what their names stand for. Save the network again with "
            "snnconv.save, or give functions of your own another domain: they are then read as what they say."
        )


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
    spec = _input_spec(imported, metadata, size, spiking=bool(spiking))
    outputs = imported.outputs[: len(imported.outputs) // 2] if spiking else imported.outputs
    model = typed(Model(graph, spec, outputs, {**metadata.get("provenance", {}), **provenance}))
    if metadata.get("provenance"):
        model.provenance["history"] = [
            *metadata["provenance"].get("history", []),
            _summary(metadata["provenance"]),
        ]
    if spiking:
        windows = {(site.timesteps, site.coupling) for site in spiking}
        if len(windows) > 1:
            raise ModelError(f"The sites disagree about time steps and coupling: {sorted(windows)}.")
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
