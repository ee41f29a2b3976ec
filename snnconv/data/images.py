"""Images as one network takes them: in its size, normalisation and layout."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from snnconv.data.geometry import Geometry
from snnconv.data.sources import Indices, Labels, Source
from snnconv.errors import DataError, InvalidValueError, SnnconvWarning
from snnconv.model import InputSpec

__all__ = ["Images", "normalise"]


def normalise(x: Tensor, input: InputSpec) -> Tensor:  # noqa: A002 - the name this has everywhere
    """Return (pixels - mean) / std in the network's layout; a mean of None is 0, a std of None is 1.

    Args:
        x: Pixels `[..., C, H, W]`, uint8 in 0..255 or float in 0..1; or counts of events, float, which are not scaled.
        input: Mean, std (both for pixels in 0..1) and layout of the network's input.

    Returns:
        A new float32 tensor on the device of `x`, its axes in the order of `input.layout`.
    """
    out = x.to(torch.float32, copy=True, memory_format=torch.contiguous_format)
    if x.dtype == torch.uint8:
        out.div_(_constants((255.0,), x.device))  # a GPU divides by a number as it multiplies with its rounded inverse
    axes = 1 if input.layout == "NC" else 3
    if input.mean is not None:
        out.sub_(_constants(tuple(input.mean), x.device, axes))
    if input.std is not None:
        out.div_(_constants(tuple(input.std), x.device, axes))
    return out.movedim(-3, -1).contiguous() if input.layout == "NHWC" else out


@lru_cache(maxsize=64)
def _constants(values: tuple[float, ...], device: torch.device, axes: int = 3) -> Tensor:
    """Return numbers `[C, 1, 1]`, or one number for all channels, on a device; those of a flat input are `[F]`.

    They are copied once, for a copy waits until the device has done its other work.
    """
    with torch.inference_mode(False):
        return torch.tensor(values, device=device).view(-1, *(1,) * (axes - 1))


class Images(Dataset[tuple[Tensor, int]]):
    """Images for one network. They never change; `subset` and `sample` return new ones.

    Where the network's input changes over time (`input.timesteps` is T) an image is a recording of T frames.

    Attributes:
        spec: The data spec that was opened.
        input: Input of the network, height and width filled in.
        labels: Class indices `[n]`, int64, read-only, -1 of an image without a label; None if no image has one.
        classes: Names of the classes by index, or None.
    """

    def __init__(
        self,
        source: Source,
        input: InputSpec,  # noqa: A002
        geometry: Geometry,
        *,
        spec: str,
        indices: Indices,
    ) -> None:
        self._source = source
        self._geometry = geometry
        self._indices = indices
        self.input = input
        self.spec = spec
        self.classes: tuple[str, ...] | None = source.classes

    @cached_property
    def labels(self) -> Labels | None:
        """Class indices `[n]`, int64, read-only, -1 where an image has none; None where none has."""
        labels = self._source.labels_of(self._indices)
        if labels is not None:
            labels.setflags(write=False)
        return labels

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Return the shape of one image, or of one frame of a recording, in the network's layout."""
        return self.input.sample_shape()

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return one image, normalised float32 `[*sample_shape]`, and its label, -1 without one.

        A recording is `[T, *sample_shape]`.
        """
        x = self.normalise(self.pixels(index))
        return x, -1 if self.labels is None else int(self.labels[index])

    def pixels(self, index: int) -> Tensor:
        """Return one image `[C, H, W]` in the network's size, not normalised: uint8 (0..255) or float32 (0..1).

        A recording is `[T, C, H, W]`, float32 counts of events.
        """
        return self._source.load(self._indices[index][None], self._geometry)[0]

    def pixels_at(self, positions: Sequence[int]) -> Tensor:
        """Return several images as `pixels` returns one, on a leading axis."""
        return self._source.load(self._indices[np.asarray(positions, dtype=np.int64)], self._geometry)

    def fingerprint(self) -> str:
        """Return the SHA-256 of all labels and of 64 images evenly spread, before normalisation, to recognise data."""
        digest = hashlib.sha256(b"" if self.labels is None else self.labels.tobytes())
        for position in np.unique(np.linspace(0, len(self) - 1, 64).astype(np.int64)):
            digest.update(self.pixels(int(position)).contiguous().numpy().tobytes())
        return digest.hexdigest()

    def normalise(self, x: Tensor) -> Tensor:
        """Return images of `pixels` or `pixels_at` as the network takes them (see the function `normalise`).

        Several recordings `[B, T, C, H, W]` become `[T, B, *sample_shape]`, time first.
        """
        if self.input.timesteps is not None and x.dim() == len(self.sample_shape) + 2:
            x = x.transpose(0, 1)
        return normalise(x, self.input)

    def batches(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Return all images in order, batch by batch: x `[B, *sample_shape]` float32, labels `[B]` int64.

        The last batch may be smaller. Recordings are `[T, B, *sample_shape]`, the shape of `input.batch_shape(B)`.

        Raises:
            InvalidValueError: `batch_size` is below 1.
        """
        if batch_size < 1:
            raise InvalidValueError(f"batch_size is {batch_size}: it must be at least 1.")
        return self._batches(batch_size)

    def pixel_batches(self, batch_size: int) -> Iterator[Tensor]:
        """Return all images in order as `pixels` returns one, on a leading axis; the last batch may be smaller."""
        chunks = (self._indices[start : start + batch_size] for start in range(0, len(self), batch_size))
        return self._source.stream(chunks, self._geometry)

    def _batches(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        starts = range(0, len(self), batch_size)
        for start, pixels in zip(starts, self.pixel_batches(batch_size), strict=True):
            if self.labels is None:
                y = torch.full((len(pixels),), -1, dtype=torch.int64)
            else:
                y = torch.tensor(self.labels[start : start + batch_size])
            yield self.normalise(pixels), y

    def subset(self, indices: Sequence[int]) -> Images:
        """Return the images at some positions, in the order of the positions.

        Raises:
            InvalidValueError: a position is outside 0..len-1, or there is none.
        """
        chosen = np.asarray(indices, dtype=np.int64)
        if chosen.size == 0 or chosen.min() < 0 or chosen.max() >= len(self):
            positions = f"{chosen.min()}..{chosen.max()}" if chosen.size else "no positions"
            raise InvalidValueError(f"subset was given {positions}: allowed is one or more in 0..{len(self) - 1}.")
        return type(self)(self._source, self.input, self._geometry, spec=self.spec, indices=self._indices[chosen])

    def first(self, count: int | None) -> Images:
        """Return the first images, at most so many; None: all.

        Raises:
            InvalidValueError: The count is below 1.
        """
        return self if count is None or count >= len(self) else self.subset(range(count))

    def scaled(self, scale: float) -> Images:
        """Return the same images, whose inputs are divided by `scale`."""
        std = tuple(value * scale for value in self.input.std or (1.0,) * self.input.channels)
        scaled = replace(self.input, std=std)
        return type(self)(self._source, scaled, self._geometry, spec=self.spec, indices=self._indices)

    def sample(self, n: int, seed: int) -> Images:
        """Return `n` images drawn without replacement, in ascending order; the same seed draws the same images.

        If there are fewer, all are returned with a SnnconvWarning.

        Raises:
            InvalidValueError: `n` is below 1 or `seed` below 0.
        """
        if n < 1 or seed < 0:
            raise InvalidValueError(f"sample was given n={n}, seed={seed}: n must be at least 1, seed at least 0.")
        if n > len(self):
            warnings.warn(
                f"Using all {len(self):,} {self.input.noun}s of {self.spec!r}: {n:,} were asked for.",
                SnnconvWarning,
                stacklevel=2,
            )
        if n >= len(self):
            return self
        drawn = np.random.default_rng(seed).choice(len(self), n, replace=False)
        return self.subset(np.sort(drawn).tolist())

    def check_labels(self, classes: int) -> None:
        """Raise unless every image has a label that a network of `classes` outputs can give.

        Raises:
            DataError: labels are missing, or one is outside 0..classes-1.
        """
        noun = "sample" if self.input.layout == "NC" else "image"
        missing = len(self) if self.labels is None else int((self.labels < 0).sum())
        if self.labels is None or missing:
            raise DataError(
                f"{self.spec!r}: {missing} of {len(self)} {noun}s have no label. Accuracy needs labels: "
                "'y' in an npz, or the array that --labels names; 'train_label' and 'test_label' in an events file; a "
                "column 'index' in a csv; or class folders."
            )
        if self.labels.max() >= classes:
            at = int(self.labels.argmax())
            raise DataError(
                f"{self.spec!r}: {noun} {at} has label {self.labels[at]}, the network has {classes} classes "
                f"(0..{classes - 1}). Give the data set that the network was trained for."
            )
