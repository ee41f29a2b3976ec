"""Samples that a caller holds: float32 numbers as one network takes them, in memory or behind a `Dataset`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from snnconv.data.geometry import Geometry
from snnconv.data.images import Images
from snnconv.data.sources import LARGEST_LABEL, Fit, Indices, Labels, Source
from snnconv.errors import DataError, InvalidValueError
from snnconv.model import InputSpec

__all__ = [
    "DatasetSource",
    "SampleSource",
    "Samples",
    "TensorSource",
    "require_finite",
    "sample_tensor",
    "samples_of",
    "taken_shape",
]

UNREAD, UNLABELLED = -2, -1


class SampleSource(Source):
    """Samples in a network's size, layout and normalisation.

    Args:
        taken: Input of the network that they are for, height and width filled in.
        labels: Class indices `[n]`, or None.
    """

    def __init__(self, taken: InputSpec, labels: Labels | None) -> None:
        self.taken = taken
        self.labels = labels
        self.classes = None

    @abstractmethod
    def samples(self, indices: Indices) -> Tensor:
        """Return some samples `[B, *shape]`, float32: a copy."""

    def own_channels(self) -> int:
        return self.taken.channels

    def with_channels(self, channels: int) -> Self:
        return self

    def size(self) -> tuple[int, int] | None:
        height, width = self.taken.height, self.taken.width
        return None if height is None or width is None else (height, width)

    def geometry(self, height: int, width: int, resize: int | None) -> Geometry:
        return Geometry(height, width, resize)

    def load(self, indices: Indices, fit: Fit) -> Tensor:
        """Return the pixels `[B, C, H, W]` that some samples were normalised from; a flat sample's numbers `[B, F]`."""
        return _pixels(self.samples(indices), self.taken)


class TensorSource(SampleSource):
    """Samples in memory.

    Args:
        x: Samples `[n, *shape]`, float32.
        taken: Input of the network that they are for.
        labels: Class indices `[n]`, or None.
    """

    def __init__(self, x: Tensor, taken: InputSpec, labels: Labels | None) -> None:
        super().__init__(taken, labels)
        self.x = x

    def __len__(self) -> int:
        return len(self.x)

    def samples(self, indices: Indices) -> Tensor:
        return self.x[torch.from_numpy(indices)]


class DatasetSource(SampleSource):
    """Samples of a `torch.utils.data.Dataset`, each read when it is needed.

    Args:
        dataset: Items `x` or `(x, y)`, by their index.
        taken: Input of the network that they are for.
        name: Name of the argument, for messages.
        labelled: False where labels are of no use: they are then not looked at.
    """

    def __init__(self, dataset: Any, taken: InputSpec, name: str, *, labelled: bool) -> None:
        super().__init__(taken, None)
        self.dataset = dataset
        self.name = name
        self.labelled = labelled
        self._labels = np.full(len(dataset), UNREAD, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._labels)

    def samples(self, indices: Indices) -> Tensor:
        return torch.stack([self._sample(int(index)) for index in indices])

    def labels_of(self, indices: Indices) -> Labels | None:
        """Return the labels of some samples; items that have not been read yet are read for them."""
        if not self.labelled:
            return None
        for index in indices[self._labels[indices] == UNREAD]:
            self._labels[index] = self._label(int(index), self.dataset[int(index)])
        labels = self._labels[indices]
        return None if (labels == UNLABELLED).all() else labels

    def class_count(self) -> int | None:
        labels = self.labels_of(np.arange(len(self), dtype=np.int64))
        return None if labels is None else int(labels.max()) + 1

    def _sample(self, index: int) -> Tensor:
        item = self.dataset[index]
        if self.labelled:
            self._labels[index] = self._label(index, item)
        x = sample_tensor(item[0] if isinstance(item, (tuple, list)) else item, f"Item {index} of {self.name}")
        shape = taken_shape(self.taken)
        if tuple(x.shape) != shape:
            raise InvalidValueError(
                f"Item {index} of {self.name} has shape {list(x.shape)}; the network takes {list(shape)}."
            )
        require_finite(x[None], f"Item {index} of {self.name}")
        return x

    def _label(self, index: int, item: Any) -> int:
        if not isinstance(item, (tuple, list)):
            return UNLABELLED
        if len(item) != 2:
            raise DataError(
                f"Item {index} of {self.name} is a {type(item).__name__} of {len(item)}: allowed are x alone, or x and "
                "its label (x, y)."
            )
        return _class_index(item[1], f"Item {index} of {self.name}")


class Samples(Images):
    """Samples that a caller holds, as Images: batches are the caller's own numbers.

    `pixels` takes the normalisation back, so that images can be augmented and shown.
    """

    _source: SampleSource

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        indices = self._indices[index][None]
        x = self._source.samples(indices)
        labels = self._source.labels_of(indices)
        x = x if self._is_as_taken() else self.normalise(_pixels(x, self._source.taken))
        return x[0], UNLABELLED if labels is None else int(labels[0])

    def _is_as_taken(self) -> bool:
        return self.input == self._source.taken

    def _batches(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(self), batch_size):
            chunk = self._indices[start : start + batch_size]
            x = self._source.samples(chunk)
            labels = self._source.labels_of(chunk)
            y = torch.full((len(chunk),), UNLABELLED) if labels is None else torch.from_numpy(labels.copy())
            if not self._is_as_taken():
                yield self.normalise(_pixels(x, self._source.taken)), y
            else:
                yield x if self.input.timesteps is None else x.transpose(0, 1).contiguous(), y

    def sample(self, n: int, seed: int) -> Images:
        """Return `n` samples drawn without replacement, in ascending order; all where there are no more."""
        if n >= len(self):
            return self
        drawn = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))[:n].sort().values
        return self.subset(drawn.tolist())


def samples_of(source: SampleSource, taken: InputSpec, *, spec: str, indices: Indices) -> Samples:
    """Return samples of a source as a network takes them.

    Args:
        source: Samples that a caller or a file holds.
        taken: Input of the network; a mean and deviation that the source does not have are applied.
        spec: Data spec, or the form of the data in words.
        indices: Positions of the samples in the source, `[n]`.
    """
    height, width = source.size() or (1, 1)
    return Samples(source, taken, Geometry(height, width, None), spec=spec, indices=indices)


def taken_shape(spec: InputSpec) -> tuple[int, ...]:
    """Return the shape of one sample: `sample_shape()`, with T before it where the input changes over time."""
    return (*(() if spec.timesteps is None else (spec.timesteps,)), *spec.sample_shape())


def sample_tensor(x: Any, name: str) -> Tensor:
    """Return a tensor or an array of floating-point numbers as float32 on the CPU; it may share the caller's memory.

    Args:
        x: Tensor or numpy array.
        name: Name of it, for messages.

    Raises:
        InvalidValueError: It is neither, or holds no floating-point numbers.
    """
    if isinstance(x, Tensor):
        if x.is_floating_point() and x.layout == torch.strided:
            return x.detach().to("cpu", torch.float32)
        kind = str(x.dtype).removeprefix("torch.") if x.layout == torch.strided else str(x.layout)
    elif isinstance(x, np.ndarray):
        if x.dtype.kind == "f":
            array = np.ascontiguousarray(x, dtype=np.float32)
            return torch.from_numpy(array if array.flags.writeable else array.copy())
        kind = str(x.dtype)
    else:
        raise InvalidValueError(
            f"{name} is a {type(x).__name__}: a tensor or a numpy array of float32 is needed, as the network takes it. "
            "Let the data set's transform make one, as torchvision's ToTensor does."
        )
    raise InvalidValueError(
        f"{name} is of type {kind}: float32 numbers are needed, normalised as the network takes them. Divide pixels by "
        "255, subtract the mean and divide by the standard deviation; or name a file by a data spec such as "
        "'npz:FILE', whose pixels are normalised for the network."
    )


def require_finite(x: Tensor, name: str) -> None:
    """Refuse samples `[n, ...]` with a NaN or an infinite number.

    Raises:
        InvalidValueError: There is one.
    """
    if torch.isfinite(x).all():
        return
    first = next(index for index, sample in enumerate(x) if not torch.isfinite(sample).all())
    where = f", first in sample {first}" if len(x) > 1 else ""
    raise InvalidValueError(
        f"{name} holds NaN or infinite values{where}: every number must be finite. Mend or leave out such samples."
    )


def _class_index(y: Any, name: str) -> int:
    """Return a label as a whole number; -1 where there is none."""
    one = isinstance(y, np.generic) or (isinstance(y, (Tensor, np.ndarray)) and tuple(y.shape) in ((), (1,)))
    value = y.item() if one else y
    if value is None:
        return UNLABELLED
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or value != value // 1 or not UNLABELLED <= value <= LARGEST_LABEL:
        raise DataError(f"{name} has the label {y!r}: a class is a whole number from 0 up, and -1 stands for none.")
    return int(value)


def _pixels(x: Tensor, taken: InputSpec) -> Tensor:
    """Return what samples were normalised from: `[..., C, H, W]`, a flat sample's numbers `[..., F]`."""
    out = x.movedim(-1, -3) if taken.layout == "NHWC" else x
    axes = (-1,) if taken.layout == "NC" else (-1, 1, 1)
    if taken.std is not None:
        out = out * torch.tensor(taken.std).view(axes)
    if taken.mean is not None:
        out = out + torch.tensor(taken.mean).view(axes)
    return out
