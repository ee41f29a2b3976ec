"""Images for a calibration without data, drawn from the input spec alone."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from snnconv.inputspec import InputPart
from snnconv.model import InputSpec

__all__ = ["synthetic_images"]


def synthetic_images(spec: InputSpec, count: int, seed: int = 0) -> Tensor:
    """Draw smooth random images: noise at every scale, as the spectrum of natural images falls (about 1/f).

    A flat input is no image: its values are drawn one by one from the standard normal distribution. Of named inputs
    whole numbers are drawn evenly, from all rows of the embedding that reads them, or else 0 and 1; booleans are true.

    Args:
        spec: Shape, layout and, if known, mean and standard deviation of the pixels.
        count: Number of images.
        seed: Seed of the random numbers.

    Returns:
        Normalised images `[count, *spec.sample_shape()]`: zero mean and unit variance where the spec knows the pixels'
        mean and deviation, else pixels within 0..1.
    """
    shape = spec.sample_shape()
    generator = torch.Generator().manual_seed(seed)
    if spec.parts:
        return spec.packed({part.name: _drawn(part, count, generator) for part in spec.parts})
    if spec.layout == "NC":
        return torch.randn(count, *shape, generator=generator)
    assert spec.height is not None
    assert spec.width is not None
    images = torch.zeros(count, spec.channels, spec.height, spec.width)
    side = 1
    while side <= max(spec.height, spec.width):
        noise = torch.randn(count, spec.channels, side, side, generator=generator)
        noise += torch.randn(count, 1, side, side, generator=generator)  # colours move together
        images += interpolate(noise, size=(spec.height, spec.width), mode="bilinear", align_corners=False)
        side *= 2
    images /= float(images.std(correction=0)) or 1.0
    if spec.mean is None:
        images = images.mul_(0.25).add_(0.5).clamp_(0, 1)
        if spec.std is not None:
            images /= torch.tensor(spec.std).view(-1, 1, 1)
    return images.movedim(1, -1).contiguous() if spec.layout == "NHWC" else images


def _drawn(part: InputPart, count: int, generator: torch.Generator) -> Tensor:
    """Return one named input, `[count, *shape]`."""
    shape = (count, *part.shape)
    if part.kind == "bool":
        return torch.ones(shape, dtype=torch.bool)
    if part.kind == "int":
        return torch.randint(0, part.limit or 2, shape, generator=generator)
    return torch.randn(shape, generator=generator)
