"""What runs a network: torch in a precision, or onnxruntime."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from snnconv.errors import InvalidValueError
from snnconv.formats.onnx import to_int8, to_onnx
from snnconv.graph.precision import to_double
from snnconv.model import ANN, SNN, Model
from snnconv.runtime.onnxruntime import OnnxNetwork

__all__ = ["Backend", "Precision", "check_choice", "device", "dtype", "exported", "in_precision", "placed", "resolve"]

Precision = Literal["auto", "float32", "float64"]
PRECISIONS = ("auto", "float32", "float64")
Backend = Literal["auto", "torch", "onnxruntime", "onnxruntime-int8"]
BACKENDS = ("auto", "torch", "onnxruntime", "onnxruntime-int8")


def check_choice(precision: Precision, backend: Backend) -> None:
    """Raise InvalidValueError unless both are known and go together."""
    if precision not in PRECISIONS:
        raise InvalidValueError(f"precision is {precision!r}: it must be one of {', '.join(PRECISIONS)}.")
    if backend not in BACKENDS:
        raise InvalidValueError(f"backend is {backend!r}: it must be one of {', '.join(BACKENDS)}.")


def resolve(precision: Precision, model: Model, backend: Backend) -> Precision:
    """Rounding moves values over the border of two levels, so what has levels runs in float64 where that is cheap."""
    check_choice(precision, backend)
    if backend != "torch" and precision == "float64":
        raise InvalidValueError(
            "onnxruntime convolves in float32 only: leave precision out, or take the torch backend."
        )
    if precision != "auto":
        return precision
    exact = backend == "torch" and not isinstance(model, ANN) and device(model).type == "cpu"
    return "float64" if exact else "float32"


def exported(model: Model, backend: Backend) -> OnnxNetwork:
    """A network as onnxruntime runs it."""
    if backend == "onnxruntime":
        return OnnxNetwork(to_onnx(model), model.timesteps)
    stepped = isinstance(model, SNN)
    return OnnxNetwork(to_int8(model, stepped=stepped), model.timesteps)


def in_precision(model: Model, precision: Precision) -> Model:
    """The network itself, or a copy of it in float64."""
    return replace(model, graph=to_double(model.graph)) if precision == "float64" else model


def placed(x: Tensor, network: Model | OnnxNetwork) -> Tensor:
    """A batch where a network wants it, in its precision."""
    return x.to(device(network), dtype(network)) if isinstance(network, Model) else x


def device(model: Model) -> torch.device:
    """Where a network's parameters are."""
    return next((parameter.device for parameter in model.graph.parameters()), torch.device("cpu"))


def dtype(model: Model) -> torch.dtype:
    """What a network's parameters are."""
    return next((parameter.dtype for parameter in model.graph.parameters()), torch.float32)
