"""Images in memory: arrays of `.npz` files and the embedded digits.

Arrays keep their type, uint8 mostly, so that 50,000 CIFAR images take 150 MB; a batch is converted at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snnconv.data.geometry import Geometry
from snnconv.data.numbers import holds_pixels, number_tensor
from snnconv.data.scheme import Purpose
from snnconv.data.sources import Fit, Indices, Labels, Source
from snnconv.errors import DataError
from snnconv.inputspec import InputSpec

__all__ = ["ArraySource", "NumberSource", "array_source", "read_digits"]


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


class NumberSource(ArraySource):
    """Numbers in the form of images that are no pixels, such as spectra: nothing scales or crops them."""

    def geometry(self, height: int, width: int, resize: int | None) -> Geometry:
        """Refuse numbers of another size than the network takes."""
        if self.size() != (height, width):
            raise DataError(
                f"The samples are {' x '.join(map(str, self.size()))}, the network takes {height} x {width}: numbers "
                "that are no pixels are taken as they are, and not scaled or cropped. Give samples of that size."
            )
        return Geometry(height, width, None)

    def load(self, indices: Indices, fit: Fit) -> Tensor:
        """Return some samples, `[B, C, H, W]` float32."""
        return fit(number_tensor(self.x[indices]).movedim(self._axis(), 1).to(torch.float32))


def read_digits(where: str, purpose: Purpose) -> ArraySource:
    """Return scikit-learn's digits, 8 x 8 grey: every fifth image for evaluation, the rest for training."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    held_out = np.arange(len(bunch.target)) % 5 == 4
    chosen = held_out if purpose == "eval" else ~held_out
    x = (bunch.images[chosen, None] / 16).astype(np.float32)  # the file's pixels are 0..16
    return ArraySource(x, 1, bunch.target[chosen].astype(np.int64), tuple(str(name) for name in bunch.target_names))


def array_source(
    x: NDArray[Any], labels: Labels | None, taken: InputSpec | None, where: str, name: str = "x"
) -> ArraySource:
    """Return an array as images in pixels, or as numbers that are taken as they are.

    uint8 is pixels in 0..255, and floats within 0..1 are pixels. Other numbers are taken as they are, by a network
    whose input is no picture in colours (3 or 4 channels), unless they may be pixels all the same: whole numbers in
    0..255; or floats, of which nobody knows whether they are normalised already, where the network states a mean and a
    standard deviation. A mean of 0 and a deviation of 1, once stated, take every number as it is.

    Args:
        x: Array `[n, H, W, C]`, `[n, C, H, W]` or `[n, H, W]`.
        labels: Class indices `[n]`, or None.
        taken: Input of the network; None: there is none yet, and the range of the numbers is not looked at.
        where: Name of the file, for messages.
        name: Name of the array, for messages.

    Raises:
        DataError: The array is of a wrong rank, type or range.
    """
    if x.ndim not in (3, 4) or 0 in x.shape[1:]:
        raise DataError(
            f"{where}: {name!r} has shape {list(x.shape)}; allowed are [n,H,W,C], [n,C,H,W] and [n,H,W], "
            "with H, W and C of at least 1."
        )
    if len(x) == 0:
        raise DataError(f"{where} holds no image: at least one is needed.")
    x, axis = (x[:, None], 1) if x.ndim == 3 else (x, None if taken is None else _channel_axis(x.shape[1:], taken))
    if taken is None or x.dtype == np.uint8:
        return ArraySource(x, axis, labels)
    if holds_pixels(x, taken, f"{where}: {name!r}"):
        return ArraySource(x.astype(np.float32), axis, labels)
    return NumberSource(x, axis, labels)


def _channel_axis(shape: tuple[int, ...], taken: InputSpec) -> int | None:
    """Return the axis of the channels where only one of the two is of the network's size; None: either may be it."""
    first, last = ((taken.channels, taken.height, taken.width), (taken.height, taken.width, taken.channels))
    return None if (shape == first) == (shape == last) else (1 if shape == first else 3)
