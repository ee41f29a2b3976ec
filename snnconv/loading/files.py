"""Read the file of a network: ONNX of any exporter or of snnconv, or NIR."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx

from snnconv.errors import FileError, InvalidValueError, SnnconvError, unreadable
from snnconv.formats.nir import NirReading, is_nir, read_network
from snnconv.formats.onnx.metadata import INT8, SINGLE_STEP, metadata_in
from snnconv.formats.onnx.reading import load_external_data, read_bytes, read_proto
from snnconv.graph.size import Size
from snnconv.loading.input_shapes import ShapeFinder, closed_shapes
from snnconv.loading.stages import model_of
from snnconv.model import Model
from snnconv.neurons.bodies import changed_bodies
from snnconv.neurons.onnx_functions import DOMAIN, VERSION, functions  # fills the registries, too

__all__ = ["is_nir_file", "load_file", "load_nir"]


def is_nir_file(source: str | os.PathLike[str]) -> bool:
    """Return whether there is a file of this name that is HDF5, the container of NIR."""
    if not os.path.isfile(source):  # a pipe would block
        return False
    try:
        with open(source, "rb") as file:
            return is_nir(file.read(16))
    except (OSError, ValueError):  # the reader itself says what is wrong
        return False


def load_nir(path: Path, size: Size | None, reading: NirReading) -> Model:
    """Load a NIR file of IF or LIF neurons.

    Args:
        path: The file.
        size: None, for the file states the size of its input.
        reading: Choices that the file leaves open.

    Raises:
        FileError: It is missing or damaged.
        ModelError: A node is not supported.
        InvalidValueError: A size is given.
    """
    if size is not None:
        raise InvalidValueError(f"{path} states the size of its input: leave --size out.")
    data = read_bytes(path)
    model = read_network(data, path, reading)
    model.provenance = {"source": path.name, "source_sha256": hashlib.sha256(data).hexdigest()}
    return model


def load_file(
    path: Path,
    size: Size | None,
    shapes: Mapping[str, Sequence[int]] | None = None,
    finder: ShapeFinder | None = None,
) -> Model:
    """Load an ONNX file, of any exporter or of snnconv.

    Args:
        path: The file.
        size: Height and width of the input, where the file leaves them open or another size is wanted.
        shapes: Shapes of named inputs, without the batch axis, where the file leaves axes open.
        finder: Function that tells such shapes from data; None: there are no data.

    Raises:
        FileError: It is missing, damaged, no ONNX, or one that is only run.
        ModelError: The network cannot be used.
        InvalidValueError: The height and width are open and `size` is not given, or a shape does not fit.
    """
    data, proto = read_proto(path)
    metadata = metadata_in(proto)
    if SINGLE_STEP in metadata:
        raise FileError(
            f"{path} is one step of a spiking network, which a host runs step by step and gives its state back "
            "(examples/stream_onnx.py), and `snnconv evaluate` runs: name the file that it was exported from."
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
        return model_of(proto, provenance, size=size, shapes=closed_shapes(proto, shapes, finder))
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
