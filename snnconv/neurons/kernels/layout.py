"""The memory of `[T, ...]` as the kernels read it: every step one block, the same in each."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Spread", "at_device", "block_of", "empty_steps", "in_steps", "like_steps", "spread"]

THREADS = 128  # of one program: 4 warps
WIDTH = 16  # bytes that a thread reads or writes at once


class Spread(NamedTuple):
    """One value, or one a channel, to be found at `values[(i // stride) % channels]` of element i of a step.

    Attributes:
        values: `[channels]`, float32.
        stride: Distance of two channels in a step's memory.
        channels: 1 or C.
    """

    values: Tensor
    stride: int
    channels: int


def in_steps(x: Tensor) -> Tensor:
    """Return `[T, ...]` itself where each step is one block of memory and all are in line or the same, else a copy."""
    step = x[0]
    last = step.dim() == 4 and step.is_contiguous(memory_format=torch.channels_last)
    if (step.is_contiguous() or last) and x.stride(0) in (0, step.numel()):
        return x
    return x.contiguous()


def like_steps(x: Tensor, like: Tensor) -> Tensor:
    """Return `x` in the memory layout of `like`'s steps."""
    strides = (like[0].numel(), *like[0].stride())
    if x.stride() == strides:
        return x
    return empty_steps(like, x.dtype).copy_(x)


def empty_steps(like: Tensor, dtype: torch.dtype) -> Tensor:
    """Return new memory of the shape of `[T, ...]`, its steps in line."""
    strides = (like[0].numel(), *like[0].stride())
    return torch.empty_strided(like.shape, strides, dtype=dtype, device=like.device)


@lru_cache(maxsize=64)
def _constant(value: float, device: torch.device) -> Tensor:
    """Return a constant `[1]`, made once, since making it takes a GPU as long as a small layer."""
    with torch.inference_mode(False):
        return torch.full((1,), value, device=device)


def spread(values: Tensor | float, like: Tensor) -> Spread | None:
    """Return the spread of a number, or of a tensor that broadcasts to steps and differs along one axis; else None."""
    if not isinstance(values, Tensor):
        return Spread(_constant(values, like.device), 1, 1)
    flat = values.detach().reshape(-1).to(like.device, torch.float32)
    if len(flat) == 1:
        return Spread(flat, 1, 1)
    axes = [axis for axis in range(1, values.dim() + 1) if values.shape[-axis] > 1]
    if len(axes) > 1:
        return None
    return Spread(flat.contiguous(), like.stride(like.dim() - axes[0]), len(flat))


def block_of(dtype: torch.dtype) -> int:
    """Return how many neurons a program takes: as many a thread as it reads at once.

    With more, what is kept in single bytes would lie otherwise among the threads than the currents, and be moved.
    """
    return THREADS * WIDTH // dtype.itemsize


def at_device(x: Tensor) -> AbstractContextManager[object]:
    """Return the context in which kernels are launched on the device of their tensors."""
    elsewhere = x.is_cuda and x.device.index != torch.cuda.current_device()
    return torch.cuda.device(x.device) if elsewhere else nullcontext()
