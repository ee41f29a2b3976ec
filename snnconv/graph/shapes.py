"""Shape of a module's output, without data.

Torch tells it on its meta device, at a millisecond a call. For some operators it first imports its compiler, which
takes seconds: those state their shape themselves, in their records.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

__all__ = ["Shape", "asked_shape", "same_shape"]

Shape = tuple[int, ...]


def same_shape(module: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of the first operand: the rule of what keeps it."""
    return shapes[0]


def asked_shape(module: nn.Module, shapes: Sequence[Shape]) -> Shape:
    """Ask torch for the shape of what a module makes of inputs of these shapes.

    Raises:
        RuntimeError: The shapes do not fit the module; IndexError, TypeError, ValueError likewise.
    """
    state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    meta = {name: torch.empty_like(value, device="meta") for name, value in state.items()}
    with torch.no_grad():
        inputs = tuple(torch.empty(shape, device="meta") for shape in shapes)
        return tuple(torch.func.functional_call(module, meta, inputs).shape)
