"""The user's choice of how a network is run: its dtype in torch, or onnxruntime."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from snnconv.errors import InvalidValueError
from snnconv.graph.precision import to_double
from snnconv.model import ANN, Model

__all__ = [
    "BACKENDS",
    "PRECISIONS",
    "Backend",
    "Dtype",
    "Precision",
    "check_choice",
    "device_of",
    "dtype_of",
    "in_dtype",
    "placed",
    "resolve",
]

Dtype: TypeAlias = Literal["float32", "float64"]
Precision: TypeAlias = Literal["auto", "float32", "float64"]
"""Values of the option `precision`: a dtype, or the one that suits the network."""
Backend: TypeAlias = Literal["auto", "torch", "onnxruntime", "onnxruntime-int8"]

PRECISIONS = ("auto", "float32", "float64")
BACKENDS = ("auto", "torch", "onnxruntime", "onnxruntime-int8")


def check_choice(precision: Precision, backend: Backend) -> None:
    """Raise InvalidValueError unless both options have a known value."""
    if precision not in PRECISIONS:
        raise InvalidValueError(f"precision is {precision!r}: it must be one of {', '.join(PRECISIONS)}.")
    if backend not in BACKENDS:
        raise InvalidValueError(f"backend is {backend!r}: it must be one of {', '.join(BACKENDS)}.")


def resolve(precision: Precision, model: Model, backend: Backend) -> Dtype:
    """Return the dtype that a network runs in.

    Rounding moves values over the border of two levels, so a network with levels runs in float64 where that is cheap.

    Args:
        precision: Option of the user.
        model: Network of any stage.
        backend: Backend that runs it.

    Raises:
        InvalidValueError: An option is unknown, or the two do not go together.
    """
    check_choice(precision, backend)
    if backend != "torch" and precision == "float64":
        raise InvalidValueError(
            "onnxruntime convolves in float32 only: leave precision out, or take the torch backend."
        )
    if precision != "auto":
        return precision
    exact = backend == "torch" and not isinstance(model, ANN) and device_of(model).type == "cpu"
    return "float64" if exact else "float32"


def in_dtype(model: Model, dtype: Dtype) -> Model:
    """Return a copy of the network in float64; of float32 the network itself."""
    return replace(model, graph=to_double(model.graph)) if dtype == "float64" else model


def placed(x: Tensor, model: Model) -> Tensor:
    """Return a batch on a network's device, in its dtype."""
    return x.to(device_of(model), dtype_of(model))


def device_of(model: Model) -> torch.device:
    """Return the device of a network's parameters."""
    return next((parameter.device for parameter in model.graph.parameters()), torch.device("cpu"))


def dtype_of(model: Model) -> torch.dtype:
    """Return the dtype of a network's parameters."""
    return next((parameter.dtype for parameter in model.graph.parameters()), torch.float32)
