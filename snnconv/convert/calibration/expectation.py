"""The agreement to expect where there were no data: predictions on images of other kinds.

Real images are neither noise, nor as smooth, nor as typical of their class as what stands in for them. On all three
kinds, drawn anew, the quantized network is compared with the ANN; on real images it is expected to agree within that
range (measured in docs/calibration.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from snnconv.convert.calibration.synthetic import synthetic_images
from snnconv.model import Model, rows_of

__all__ = ["expected_agreement"]

IMAGES = 64
BATCH = 16


@torch.no_grad()
def expected_agreement(
    ann: Model, quantized: Model, seed: int, synthesised: Sequence[Tensor] = ()
) -> tuple[float, float]:
    """Return the least and the highest share of images, in percent, that are expected to get the ANN's arg-max.

    Args:
        ann: Network before quantization.
        quantized: Network that was calibrated without data.
        seed: Seed of the images, which are others than those of the same seed that calibrated.
        synthesised: Further images in batches, `[B, ...]`, made like those that calibrated, but not the same.
    """
    generator = torch.Generator().manual_seed(seed + 1)
    noise = torch.randn(IMAGES, *ann.input.sample_shape(), generator=generator)
    smooth = synthetic_images(ann.input, IMAGES, seed + 1)
    if ann.input.mean is None and ann.input.layout != "NC":  # pixels in 0..1, as the smooth ones are
        noise = (
            noise.mul(float(smooth.std())).add_(float(smooth.mean())).clamp_(float(smooth.min()), float(smooth.max()))
        )
    kinds = [noise, smooth, *([torch.cat(list(synthesised))] if synthesised else [])]
    agreements = [_agreement(ann, quantized, images) for images in kinds]
    return min(agreements), max(agreements)


def _agreement(ann: Model, quantized: Model, images: Tensor) -> float:
    same = sum(
        int((_predictions(ann, part) == _predictions(quantized, part)).all(-1).sum())
        for part in torch.split(images, BATCH)
    )
    return 100 * same / len(images)


def _predictions(model: Model, images: Tensor) -> Tensor:
    out: Tensor | tuple[Tensor, ...] = model.graph(images)
    return rows_of(out[0] if isinstance(out, tuple) else out).argmax(1, keepdim=True)
