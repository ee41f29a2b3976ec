"""The verb `load`, and how the other verbs open the networks that they are given."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from torch import nn

from snnconv.data.opening import DataLike, Purpose, sample_shape_of
from snnconv.data.shapes import input_shapes_of
from snnconv.errors import InvalidValueError
from snnconv.formats.nir import NirReading
from snnconv.graph.size import Size, sides_of
from snnconv.loading.files import is_nir_file, load_file, load_nir
from snnconv.loading.input_shapes import ShapeFinder
from snnconv.loading.modules import load_module, named_parts
from snnconv.loading.pretrained import TIMM, load_timm
from snnconv.model import InputSpec, Model

__all__ = ["ModelLike", "load", "load_beside", "load_for", "require_source"]

ModelLike: TypeAlias = str | os.PathLike[str] | nn.Module | Model
"""A network in any form that a verb takes: path of a file, `timm:NAME`, `nn.Module`, or Model."""

RGB = 3


def load(
    source: ModelLike,
    *,
    size: Size | None = None,
    pretrained: bool = True,
    nir: NirReading | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
) -> Model:
    """Load a network.

    Args:
        source: Path of an ONNX file, or of a NIR file of IF or LIF neurons; `timm:NAME`; an `nn.Module` for images
            `[B, 3, H, W]` (use `load_module` where it takes another shape); or a Model, which is returned as it is.
        size: Height and width of the input, (H, W) or N for both, where the source leaves them open or another size is
            wanted. The size of a Model is settled: give its own or None.
        pretrained: True for the trained weights of a timm name, False for random ones.
        nir: Choices that a NIR file leaves open: time steps, reset, seconds of a step.
        input_shapes: Shapes of one sample by the name of the input, where an ONNX file leaves axes open:
            `{"tokens": (128,)}`.

    Returns:
        The model, in evaluation mode: an ANN, a QuantizedANN or an SNN.

    Raises:
        FileError: The file is missing, damaged or not ONNX.
        ModelError: The network cannot be used; UnsupportedOperatorsError lists every node that stands in the way.
        InvalidValueError: The source is none of these, the input's size is open and `size` is not given, or a Model is
            of another size; an input has no such shape; or a NIR file does not state its time steps, or `nir` is given
            for what is none.

    Warns:
        SnnconvWarning: The file casts activations to a floating-point type with fewer digits than float32.
    """
    return _load(source, size=size, pretrained=pretrained, nir=nir, input_shapes=input_shapes)


def _load(
    source: ModelLike,
    *,
    size: Size | None = None,
    pretrained: bool = True,
    nir: NirReading | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    finder: ShapeFinder | None = None,
) -> Model:
    """Load a network; `finder` tells shapes of the data, where an ONNX file leaves them open."""
    require_source(source)
    name = os.fspath(source) if isinstance(source, (str, os.PathLike)) else TIMM
    if input_shapes and (name.startswith(TIMM) or is_nir_file(name)):
        raise InvalidValueError("input_shapes close axes that an ONNX file leaves open: leave them out.")
    if nir is not None and nir != NirReading() and not (isinstance(source, (str, os.PathLike)) and is_nir_file(source)):
        raise InvalidValueError("Time steps, reset, dt and still are chosen of a NIR file: leave them out.")
    if size is not None:
        size = sides_of(size)
    if isinstance(source, Model):
        _require_size(source, size)
        return source
    if isinstance(source, nn.Module):
        if size is None:
            raise InvalidValueError(
                "An nn.Module does not state its input's size: give size=N or size=(H, W) for images of 3 channels, or "
                "use load_module(module, (C, H, W))."
            )
        return load_module(source, (RGB, *size))
    if name.startswith(TIMM):
        return load_timm(name[len(TIMM) :], size=size, pretrained=pretrained)
    if is_nir_file(name):
        return load_nir(Path(name), size, nir or NirReading())
    return load_file(Path(name), size, input_shapes, finder)


def load_for(
    source: ModelLike,
    data: DataLike | None,
    purpose: Purpose,
    *,
    size: Size | None = None,
    pretrained: bool = True,
    nir: NirReading | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
) -> Model:
    """Load a network for data, which tell the shape of an `nn.Module`'s input, and axes that a file leaves open.

    Args:
        source: Network in any form that `load` takes.
        data: Data that the network is meant for; None where there are none.
        purpose: Use of the data.
        size: Height and width of the input.
        pretrained: True for the trained weights of a timm name.
        nir: Choices that a NIR file leaves open.
        input_shapes: Shapes of one sample by the name of the input.

    Raises:
        SnnconvError: The network cannot be loaded, or the data do not tell the shape.
    """
    if isinstance(source, nn.Module) and data is not None:
        return load_module(source, named_parts(source, data) or sample_shape_of(data, purpose))
    finder = None if data is None else lambda names: input_shapes_of(data, names)
    return _load(source, size=size, pretrained=pretrained, nir=nir, input_shapes=input_shapes, finder=finder)


def load_beside(source: ModelLike, spec: InputSpec, *, size: Size | None = None, pretrained: bool = True) -> Model:
    """Load a network that sees the same inputs as another.

    Args:
        source: Network in any form that `load` takes.
        spec: Input of the other network, which tells the shape of an `nn.Module`'s, and axes that a file leaves open.
        size: Height and width of the input.
        pretrained: True for the trained weights of a timm name.
    """
    if isinstance(source, nn.Module):
        return load_module(source, spec.parts or spec.sample_shape())
    shapes = {part.name: part.shape for part in spec.parts}
    return _load(source, size=size, pretrained=pretrained, finder=lambda _: shapes)


def require_source(source: Any) -> None:
    """Refuse what is no network in any form.

    Raises:
        InvalidValueError: It is none.
    """
    if isinstance(source, (nn.Module, Model, str)):
        return
    if isinstance(source, os.PathLike) and isinstance(os.fspath(source), str):
        return
    kind = source.__name__ if isinstance(source, type) else type(source).__name__
    hint = ""
    if isinstance(source, type) and issubclass(source, nn.Module):
        kind, hint = f"the class {kind}", f" Make an instance of it: {source.__name__}(...)."
    raise InvalidValueError(
        f"The network is given as {kind}: allowed are the path of an ONNX or NIR file, 'timm:NAME', an nn.Module, or a "
        f"Model that was loaded.{hint}"
    )


def _require_size(model: Model, size: tuple[int, int] | None) -> None:
    """Refuse a size that a Model, which is returned as it is, does not have."""
    height, width = model.input.height, model.input.width
    if size is None or (height, width) == size:
        return
    number = size[0] if size[0] == size[1] else size
    if model.input.layout == "NC":
        raise InvalidValueError(
            f"size is {number}, and the model takes a flat input of {model.input.channels} values: leave size out."
        )
    raise InvalidValueError(
        f"size is {number}, and the model takes images of {height} x {width}, which is settled once it is loaded: "
        f"leave size out, or load what the model was loaded from with size={number}."
    )
