"""The program that computes a layer of neurons: torch's operators, or one kernel over all time steps on a GPU.

    currents [T, ...] -> chosen(currents) -> torch's operators (eager: the reference, always there)
                                          -> one Triton kernel forward, one backward

The kernels are chosen where the currents are on a CUDA device, float32 or shorter, and Triton is installed. Another
choice is made with `use_kernels("eager")`, or with the environment variable SNNCONV_KERNELS. Both compute in float32.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import Literal, get_args

import torch
from torch import Tensor

from snnconv.errors import InvalidValueError

__all__ = ["Kernels", "chosen", "use_kernels"]

Kernels = Literal["auto", "eager", "triton"]
VARIABLE = "SNNCONV_KERNELS"
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
LONGEST = 64  # time steps of one kernel: they are unrolled

_override: Kernels | None = None


def _checked(name: str, given: str) -> Kernels:
    if given not in get_args(Kernels):
        raise InvalidValueError(f"{name} is {given!r}: it must be one of {', '.join(get_args(Kernels))}.")
    return given  # type: ignore[return-value]


@contextmanager
def use_kernels(kernels: Kernels) -> Iterator[None]:
    """Choose the program of every neuron that is run within the block.

    Args:
        kernels: "auto", "eager" (torch's operators), or "triton" (also on a CPU, where Triton interprets its kernels:
            TRITON_INTERPRET=1).

    Raises:
        InvalidValueError: it is none of these.
    """
    global _override
    before, _override = _override, _checked("kernels", kernels)
    try:
        yield
    finally:
        _override = before


@cache
def _installed() -> bool:
    return find_spec("triton") is not None


def chosen(currents: Tensor) -> Literal["eager", "triton"]:
    """Return the program that computes neurons of these currents `[T, ...]`.

    Raises:
        InvalidValueError: SNNCONV_KERNELS is none of auto, eager and triton, or Triton is asked for and missing.
    """
    program = _override or _checked(VARIABLE, os.environ.get(VARIABLE, "auto"))
    fits = currents.dtype in DTYPES and len(currents) <= LONGEST and currents.numel() > 0
    if program == "eager" or not fits:
        return "eager"
    if program == "triton":
        if not _installed():
            raise InvalidValueError("kernels is 'triton', which is not installed: pip install triton, or choose eager.")
        return "triton"
    return "triton" if currents.is_cuda and _installed() else "eager"
