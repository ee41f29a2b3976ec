"""Images in memory: the `.npz` files of the `npz` scheme and the embedded digits.

Arrays keep their type, uint8 mostly, so that 50,000 CIFAR images take 150 MB; a batch is converted at a time.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snnconv.data.archive import read_arrays
from snnconv.data.geometry import Geometry
from snnconv.data.scheme import Purpose
from snnconv.data.sources import Fit, Indices, Labels, Source, to_labels
from snnconv.errors import DataError

__all__ = ["ArraySource", "read_digits", "read_npz"]


@dataclass(frozen=True)
class ArraySource(Source):
    """Images of one size in one array.

    Attributes:
        x: Pixels `[n, C, H, W]` or `[n, H, W, C]`, uint8 in 0..255 or float32 in 0..1.
        channel_axis: Axis 1 or 3, or None where only the network's channel count can tell.
        labels: Class indices `[n]`, or None.
        classes: Class names by index, or None.
    """

    x: NDArray[Any]
    channel_axis: int | None
    labels: Labels | None = None
    classes: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.x)

    def _axis(self) -> int:
        """Return the axis of the channels; where nothing tells, the shorter of the two that it can be."""
        if self.channel_axis is not None:
            return self.channel_axis
        return 1 if self.x.shape[1] < self.x.shape[3] else 3

    def own_channels(self) -> int:
        """Return the length of the channel axis."""
        return int(self.x.shape[self._axis()])

    def with_channels(self, channels: int) -> ArraySource:
        """Settle the channel axis: the last one if it fits, else the first."""
        for axis in (3, 1) if self.channel_axis is None else (self.channel_axis,):
            if self.x.shape[axis] == channels:
                return replace(self, channel_axis=axis)
        raise DataError(
            f"The images have {self.own_channels()} channels (array of shape {list(self.x.shape)}), the "
            f"network takes {channels}: give images of {channels} channels, [n,H,W,C] or [n,C,H,W]."
        )

    def size(self) -> tuple[int, int]:
        """Return the lengths of the two other axes."""
        rows, columns = np.delete(self.x.shape[1:], self._axis() - 1)
        return int(rows), int(columns)

    def geometry(self, height: int, width: int, resize: int | None) -> Geometry:
        """Return a geometry that scales by `resize` alone; images that cannot fit are refused here, all at once."""
        geometry = Geometry(height, width, resize)
        geometry.check(*self.size())
        return geometry

    def load(self, indices: Indices, fit: Fit) -> Tensor:
        """Return the pixels of some images, `[B, C, H, W]`."""
        return fit(torch.from_numpy(self.x[indices]).movedim(self._axis(), 1))


def read_digits(where: str, purpose: Purpose) -> ArraySource:
    """Return scikit-learn's digits, 8 x 8 grey: every fifth image for evaluation, the rest for training."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    held_out = np.arange(len(bunch.target)) % 5 == 4
    chosen = held_out if purpose == "eval" else ~held_out
    x = (bunch.images[chosen, None] / 16).astype(np.float32)  # the file's pixels are 0..16
    return ArraySource(x, 1, bunch.target[chosen].astype(np.int64), tuple(str(name) for name in bunch.target_names))


def read_npz(where: str, purpose: Purpose) -> ArraySource:
    """Read `x` and, if it is there, `y` of one or more `.npz` files, joined in the order given.

    Raises:
        FileError: A file is missing or is no `.npz`.
        DataError: The arrays are of a wrong rank, type or range, or do not agree with each other.
    """
    parts = [_read_part(Path(os.path.expanduser(name.strip()))) for name in where.split(",")]
    first_x, first_y = parts[0]
    for number, (x, y) in enumerate(parts[1:], start=2):
        if x.shape[1:] != first_x.shape[1:] or x.dtype != first_x.dtype:
            raise DataError(
                f"npz:{where}: file 1 holds images {list(first_x.shape[1:])} of {first_x.dtype}, "
                f"file {number} {list(x.shape[1:])} of {x.dtype}: files that are joined must agree."
            )
        if (y is None) != (first_y is None):
            raise DataError(f"npz:{where}: files 1 and {number} disagree: give every file labels 'y', or none.")
    x = first_x if len(parts) == 1 else np.concatenate([x for x, _ in parts])
    if len(x) == 0:
        raise DataError(f"npz:{where} holds no image: at least one is needed.")
    labels = None if first_y is None else np.concatenate([y for _, y in parts if y is not None])
    if x.dtype != np.uint8:
        x = x.astype(np.float32)
    return ArraySource(x, None, labels) if x.ndim == 4 else ArraySource(x[:, None], 1, labels)


def _read_part(path: Path) -> tuple[NDArray[Any], Labels | None]:
    names, arrays = read_arrays(
        path,
        lambda _: ("x", "y"),
        form="one or more .npz files: npz:FILE[,FILE...]",
        make="numpy.savez(FILE, x=images, y=labels)",
    )
    if "x" not in arrays:
        raise DataError(f"{path} holds {names or 'nothing'}: the images must be called 'x', the labels 'y'.")
    x = arrays["x"]
    _check_pixels(x, path)
    return x, to_labels(arrays["y"], len(x), str(path)) if "y" in arrays else None


def _check_pixels(x: NDArray[Any], path: Path) -> None:
    if x.ndim not in (3, 4) or 0 in x.shape[1:]:
        raise DataError(
            f"{path}: 'x' has shape {list(x.shape)}; allowed are [n,H,W,C], [n,C,H,W] and [n,H,W], "
            "with H, W and C of at least 1."
        )
    if x.dtype != np.uint8 and x.dtype.kind != "f":
        raise DataError(f"{path}: 'x' is of type {x.dtype}; allowed are uint8 (0..255) and float (0..1).")
    if x.dtype == np.uint8 or x.size == 0:
        return
    low, high = x.min(), x.max()  # either is NaN where there is one
    if np.isnan(low):
        raise DataError(f"{path}: 'x' holds NaN (not a number): remove or replace those images.")
    if low < 0 or high > 1:
        raise DataError(
            f"{path}: 'x' is {x.dtype} in {low:g}..{high:g}; allowed are floats in 0..1, or uint8 in 0..255. "
            "Scale it; the network's mean and std are applied afterwards."
        )
