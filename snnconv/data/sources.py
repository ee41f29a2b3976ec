"""The data that a spec opens, before they meet a network: images with or without labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from snnconv.data.geometry import Geometry
from snnconv.errors import DataError

__all__ = ["LARGEST_LABEL", "Fit", "Indices", "Labels", "Source", "to_labels"]

LARGEST_LABEL = 2**31 - 1

Indices: TypeAlias = NDArray[np.int64]
Labels: TypeAlias = NDArray[np.int64]
Fit: TypeAlias = Callable[[Tensor], Tensor]


class Source(ABC):
    """All images of a spec.

    Attributes:
        labels: Class indices `[n]`, -1 where an image has none, or None.
        classes: Class names by index, or None.
    """

    labels: Labels | None
    classes: tuple[str, ...] | None

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of images."""

    @abstractmethod
    def own_channels(self) -> int:
        """Return the number of channels that the images have by themselves."""

    @abstractmethod
    def with_channels(self, channels: int) -> Self:
        """Return the same images for a network of that many input channels.

        Raises:
            DataError: They cannot be read so.
        """

    @abstractmethod
    def size(self) -> tuple[int, int] | None:
        """Return rows and columns of the images in pixels, or None where they vary."""

    @abstractmethod
    def geometry(self, height: int, width: int, resize: int | None) -> Geometry:
        """Return the way in which these images come to `height` x `width`.

        Raises:
            DataError: They cannot.
        """

    @abstractmethod
    def load(self, indices: Indices, fit: Fit) -> Tensor:
        """Return a copy of the pixels of some images, `[B, C, H, W]`, uint8 in 0..255 or float32 in 0..1.

        Recordings give frames `[B, T, C, H, W]`, float32 counts.
        """

    def stream(self, chunks: Iterable[Indices], fit: Fit) -> Iterator[Tensor]:
        """Load one chunk after the other."""
        for chunk in chunks:
            yield self.load(chunk, fit)

    def labels_of(self, indices: Indices) -> Labels | None:
        """Return the labels of some images `[B]`, or None where there are none."""
        return None if self.labels is None else self.labels[indices]

    def class_count(self) -> int | None:
        """Return the number of classes: of the names, else the largest label + 1, else None."""
        if self.classes is not None:
            return len(self.classes)
        return None if self.labels is None else int(self.labels.max()) + 1


def to_labels(values: Any, length: int, where: str) -> Labels:
    """Return class indices `[length]` from whatever a file holds.

    Args:
        values: Content of the file.
        length: Number of images.
        where: Name of the file in messages.

    Raises:
        DataError: The content is not `length` whole numbers from 0 up.
    """
    rule = f"allowed is one whole number >= 0 for each of the {length} images."
    try:
        raw = np.asarray(values)
    except ValueError as error:
        raise DataError(f"{where}: the labels are not a list of numbers ({error}); {rule}") from error
    if raw.dtype.kind not in "iuf":
        raise DataError(f"{where}: the labels are of type {raw.dtype}; {rule}")
    if raw.shape != (length,):
        raise DataError(f"{where}: the labels have shape {list(raw.shape)}; {rule}")
    bad = ~np.isfinite(raw) | (raw != np.floor(raw)) | (raw < 0) | (raw > LARGEST_LABEL)
    if bad.any():
        first = int(bad.argmax())
        raise DataError(f"{where}: label {raw[first]} of image {first}; {rule}")
    return raw.astype(np.int64)
