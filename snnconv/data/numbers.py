"""Arrays of numbers: as tensors, and whether they are pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snnconv.errors import DataError
from snnconv.inputspec import InputSpec

__all__ = ["holds_pixels", "number_tensor"]

COLOURS = (3, 4)  # channels of a picture
WHITE = 255
WIDE = {np.dtype(kind): np.int64 for kind in (np.uint16, np.uint32, np.uint64)}  # of which torch computes little


def number_tensor(array: NDArray[Any]) -> Tensor:
    """Return an array of numbers of any type as a tensor; it may share the array's memory.

    >>> number_tensor(np.array([3], dtype=np.uint16))
    tensor([3])
    """
    kind = array.dtype.newbyteorder("=")
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        kind = np.dtype(np.float64)
    array = np.ascontiguousarray(array, dtype=WIDE.get(kind, kind)).reshape(array.shape)
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def holds_pixels(x: NDArray[Any], taken: InputSpec, where: str) -> bool:
    """Return whether an array that is not uint8 holds pixels in 0..1; else its numbers are taken as they are.

    Args:
        x: Array of at least one sample.
        taken: Input of the network, an image.
        where: Name of the array, for messages.

    Raises:
        DataError: It holds no numbers, or numbers that may be pixels of another range.
    """
    if x.dtype.kind not in "fiu":
        raise DataError(f"{where} is of type {x.dtype}; allowed are uint8 (0..255), float (0..1) and other numbers.")
    low, high = x.min(), x.max()  # either is NaN where there is one
    if np.isnan(low):
        raise DataError(f"{where} holds NaN (not a number): remove or replace those images.")
    floating = x.dtype.kind == "f"
    if floating and low >= 0 and high <= 1:
        return True
    finite = bool(np.isfinite(low) and np.isfinite(high))
    if finite and _as_stated(taken):
        return False
    stated = taken.mean is not None or taken.std is not None
    whole = low >= 0 and high <= WHITE and bool((x == np.floor(x)).all())
    if finite and not (taken.channels in COLOURS or whole or (floating and stated)):
        return False
    as_they_are = "Where they are no pixels, or are normalised already, take them as they are with --mean 0 --std 1."
    if not floating:
        raise DataError(f"{where} is of type {x.dtype}; allowed are uint8 (0..255) and float (0..1). {as_they_are}")
    raise DataError(
        f"{where} is {x.dtype} in {low:g}..{high:g}; allowed are floats in 0..1, or uint8 in 0..255. Scale it; the "
        f"network's mean and std are applied afterwards. {as_they_are if finite else 'Every number must be finite.'}"
    )


def _as_stated(taken: InputSpec) -> bool:
    """Return whether a mean of 0 and a standard deviation of 1 are stated."""
    stated = taken.mean is not None and taken.std is not None
    return stated and not any(taken.mean or ()) and all(value == 1 for value in taken.std or ())
