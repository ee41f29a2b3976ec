"""Memory of a training on a CPU: large blocks are kept for the next step.

glibc gives each block of more than 32 MB back to the system when it is freed, and the next one of that size is filled
with zeros anew, page by page. A step of training frees and takes the same blocks over and over: T times the activations
of a layer are often above that size, when those of the ANN are not.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["blocks_kept"]

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # <malloc.h>
DEFAULTS = {M_TRIM_THRESHOLD: 128 * 1024, M_MMAP_MAX: 65536}
KEPT = {M_TRIM_THRESHOLD: 2**31 - 1, M_MMAP_MAX: 0}


@contextmanager
def blocks_kept(device: torch.device) -> Iterator[bool]:
    """Keep freed memory meanwhile; whether that can be done (on a CPU, with glibc)."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" and device.type == "cpu" else None
    if libc is None or not hasattr(libc, "mallopt") or not hasattr(libc, "malloc_trim"):
        yield False
        return
    try:
        set_to = [libc.mallopt(which, value) for which, value in KEPT.items()]
        yield all(set_to)
    finally:
        for which, value in DEFAULTS.items():
            libc.mallopt(which, value)
        libc.malloc_trim(0)
