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
from snnconv.data.sources import Fit, Indices, Labels, Source
from snnconv.errors import InvalidValueError
from snnconv.model import InputSpec

__all__ = [
    "SampleSource",
    "Samples",
    "TensorSource",
    "require_finite",
    "sample_tensor",
    "samples_of",
    "taken_shape",
]

UNLABELLED = -1


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


def sample_tensor(x: Any, name: str, *, whole: bool = False) -> Tensor:
    """Return a tensor or an array of floating-point numbers as float32 on the CPU; it may share the caller's memory.

    Args:
        x: Tensor or numpy array.
        name: Name of it, for messages.
        whole: True where whole numbers are as good, for no pixels of 0..255 can be meant.

    Raises:
        InvalidValueError: It is neither, or holds no floating-point numbers.
    """
    if whole and isinstance(x, Tensor) and not x.is_complex():
        x = x.float() if not x.is_floating_point() else x
    if whole and isinstance(x, np.ndarray) and x.dtype.kind in "biu":
        x = x.astype(np.float32)
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


def _pixels(x: Tensor, taken: InputSpec) -> Tensor:
    """Return what samples were normalised from: `[..., C, H, W]`, a flat sample's numbers `[..., F]`."""
    out = x.movedim(-1, -3) if taken.layout == "NHWC" else x
    axes = (-1,) if taken.layout == "NC" else (-1, 1, 1)
    if taken.std is not None:
        out = out * torch.tensor(taken.std).view(axes)
    if taken.mean is not None:
        out = out + torch.tensor(taken.mean).view(axes)
    return out
