"""Memory of a training on a CPU: large blocks are kept for the next step.

glibc gives each block of more than 32 MB back to the system when it is freed, and the next one of that size is filled
with zeros anew, page by page. A step of training frees and takes the same blocks over and over: T times the activations
of a layer are often above that size, when those of the ANN are not.

Once a program sets one of these limits glibc no longer adapts the others to the blocks that are freed. Afterwards they
are therefore set to what it would have come to by itself, or to what the environment states.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

__all__ = ["blocks_kept"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4  # <malloc.h>
KEPT = {M_TRIM_THRESHOLD: 2**31 - 1, M_MMAP_MAX: 0}
ADAPTED = {M_TRIM_THRESHOLD: 2**26, M_MMAP_THRESHOLD: 2**25, M_MMAP_MAX: 65536}  # once a block of 32 MB has been freed
FIXED = {M_TRIM_THRESHOLD: 2**17, M_MMAP_THRESHOLD: 2**17, M_MMAP_MAX: 65536}  # where the environment states any
NAMES = {M_TRIM_THRESHOLD: "trim_threshold", M_MMAP_THRESHOLD: "mmap_threshold", M_MMAP_MAX: "mmap_max"}


def limits_outside(environment: Mapping[str, str]) -> dict[int, int]:
    """Return the limits of glibc's malloc in a process that has run for a while and has set none.

    Args:
        environment: Variables that the process was started with.
    """
    pairs = (pair.partition("=") for pair in environment.get("GLIBC_TUNABLES", "").split(":"))
    tunables = {name: value for name, _, value in pairs}
    stated = {}
    for which, name in NAMES.items():
        value = tunables.get(f"glibc.malloc.{name}", environment.get(f"MALLOC_{name.upper()}_", ""))
        if value.isascii() and value.isdigit():
            stated[which] = min(int(value), 2**31 - 1)
    return (FIXED if stated else ADAPTED) | stated


@contextmanager
def blocks_kept(device: torch.device) -> Iterator[bool]:
    """Keep freed memory meanwhile, and give whether that can be done (on a CPU, with glibc)."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" and device.type == "cpu" else None
    if libc is None or not hasattr(libc, "mallopt") or not hasattr(libc, "malloc_trim"):
        yield False
        return
    try:
        set_to = [libc.mallopt(which, value) for which, value in KEPT.items()]
        yield all(set_to)
    finally:
        for which, value in limits_outside(os.environ).items():
            libc.mallopt(which, value)
        libc.malloc_trim(0)
