"""A batch of images, and the form of it that each of several networks takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from snnconv.data.images import Images
from snnconv.model import InputSpec

__all__ = ["Batch", "adapt", "batches_of"]


@dataclass(frozen=True)
class Batch:
    """Images that go through networks together.

    Attributes:
        values: Images as one network takes them, normalised, `[B, ...]`; recordings are `[T, B, ...]`.
        labels: Class indices, `[B]`, -1 where an image has none.
        spec: Normalisation and layout of `values`.
        pixels: Images before normalisation, as `Images.pixels_at` gives them; None where no network asks for them.
    """

    values: Tensor
    labels: Tensor
    spec: InputSpec
    pixels: Tensor | None = None

    def values_for(self, target: InputSpec) -> Tensor:
        """Return the images as another network takes them (`adapt`)."""
        return adapt(self.values, self.spec, target)


def batches_of(images: Images, size: int, *, with_pixels: bool = False) -> Iterator[Batch]:
    """Cut images into batches, in order.

    Args:
        images: Images opened for the network whose form the values have.
        size: Images in a batch, at least 1; the last batch may be smaller.
        with_pixels: True where batches hold their pixels too.
    """
    if not with_pixels:
        for values, labels in images.batches(size):
            yield Batch(values, labels, images.input)
        return
    for start, pixels in zip(range(0, len(images), size), images.pixel_batches(size), strict=True):
        labels = torch.full((len(pixels),), -1)
        if images.labels is not None:
            labels = torch.tensor(images.labels[start : start + size])
        yield Batch(images.normalise(pixels), labels, images.input, pixels)


def adapt(x: Tensor, source: InputSpec, target: InputSpec) -> Tensor:
    """Return a batch as another network takes it.

    A network that states no mean and no std is given what `source` gives.

    Args:
        x: Images, `[B, ...]` or `[T, B, ...]`, normalised and laid out as `source` says.
        source: Input that the images were opened for.
        target: Input of the other network; of the same channels, height, width and number of frames, or of the same
            named inputs in whatever order.

    Returns:
        Images of the same leading axes, float32.
    """
    if source == target:
        return x
    if source.parts:
        return target.packed(source.unpacked(x))
    channels_first = x.movedim(-1, -3) if source.layout == "NHWC" else x
    if target.mean is not None or target.std is not None:
        old, new = _normalisation(source), _normalisation(target)
        if any(not torch.equal(a, b) for a, b in zip(old, new, strict=True)):
            pixels = channels_first.double() * old[1].to(x.device) + old[0].to(x.device)
            channels_first = ((pixels - new[0].to(x.device)) / new[1].to(x.device)).to(x.dtype)
    out = channels_first.movedim(-3, -1) if target.layout == "NHWC" else channels_first
    return out.contiguous()


def _normalisation(spec: InputSpec) -> tuple[Tensor, Tensor]:
    """Return mean and std, `[C, 1, 1]`, float64; of a flat input `[F]`."""
    mean = torch.tensor(spec.mean or (0.0,), dtype=torch.float64)
    std = torch.tensor(spec.std or (1.0,), dtype=torch.float64)
    axes = (-1,) if spec.layout == "NC" else (-1, 1, 1)
    return mean.expand(spec.channels).view(axes), std.expand(spec.channels).view(axes)
