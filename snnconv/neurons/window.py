"""A window of T steps in memory: how many neurons go through it at a time, and how it is laid out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["batch_parts", "memory_like"]

PART = 2**18  # floats of all steps that go through the neurons at a time


def batch_parts(currents: Tensor, *values: Tensor | float | None) -> list[Any]:
    """Return the parts of the axis behind time that are computed at a time; one, where a value differs along it.

    Args:
        currents: `[T, B, ...]`.
        values: Values that broadcast to `currents[0]`.
    """
    whole = [...]
    if currents.device.type != "cpu" or currents.dim() < 2 or not currents.numel():
        return whole
    if any(isinstance(x, Tensor) and x.dim() == currents.dim() - 1 and x.shape[0] > 1 for x in values):
        return whole
    size = max(1, PART // max(1, currents.numel() // currents.shape[1]))
    return [slice(first, first + size) for first in range(0, currents.shape[1], size)]


def memory_like(currents: Tensor) -> Tensor:
    """Return memory of the shape of `[T, ...]`, each step laid out as the first."""
    strides = (currents[0].numel(), *currents[0].stride())
    dense = currents.dim() > 1 and currents[0].numel() and torch.empty_like(currents[0]).stride() == strides[1:]
    if not dense:
        return torch.empty(currents.shape, dtype=currents.dtype, device=currents.device)
    return torch.empty_strided(currents.shape, strides, dtype=currents.dtype, device=currents.device)
