"""Random changes of a batch of images, all images at once where that can be.

The random numbers come from the generator that is given, so that a seed fixes them. Letters: B batch,
C channels, H rows, W columns.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor
from torchvision.transforms.v2 import functional as VF

__all__ = ["flip", "resized_crop", "shift"]


def _uniform(count: int, low: float, high: float, generator: Generator) -> Tensor:
    return torch.rand(count, generator=generator) * (high - low) + low


def shift(x: Tensor, generator: Generator) -> Tensor:
    """Shift each image by up to an eighth of its size, at least 1 pixel, and fill with 0.

    It is the random crop of a padded image.

    Args:
        x: `[B, C, H, W]` of any type.
        generator: of the random numbers, on the CPU.
    """
    batch, _, height, width = x.shape
    reach_y, reach_x = max(1, height // 8), max(1, width // 8)
    padded = F.pad(x, (reach_x, reach_x, reach_y, reach_y))
    top = torch.randint(2 * reach_y + 1, (batch, 1), generator=generator)
    left = torch.randint(2 * reach_x + 1, (batch, 1), generator=generator)
    rows = (top + torch.arange(height)).to(x.device)  # [B, H]
    columns = (left + torch.arange(width)).to(x.device)  # [B, W]
    members = torch.arange(batch, device=x.device)[:, None, None]
    # the two slices keep C; indexing puts the indexed axes first: [B, H, W, C]
    return padded.movedim(1, -1)[members, rows[:, :, None], columns[:, None, :]].movedim(-1, 1).contiguous()


def flip(x: Tensor, generator: Generator) -> Tensor:
    """Mirror each image `[B, C, H, W]` left to right, or leave it, with the same probability."""
    chosen = torch.rand(len(x), generator=generator) < 0.5
    return torch.where(chosen.to(x.device)[:, None, None, None], x.flip(-1), x)


def resized_crop(x: Tensor, generator: Generator) -> Tensor:
    """Cut a random part out of each image and scale it to the whole size.

    The part has 8 to 100 % of the area, its sides are as 3:4 to 4:3.

    Args:
        x: `[B, C, H, W]`, floating point or uint8.
        generator: of the random numbers, on the CPU.
    """
    batch, _, height, width = x.shape
    area = _uniform(batch, 0.08, 1.0, generator) * height * width
    ratio = _uniform(batch, math.log(3 / 4), math.log(4 / 3), generator).exp()
    heights = (area / ratio).sqrt().round().clamp(1, height).int()
    widths = (area * ratio).sqrt().round().clamp(1, width).int()
    tops = (_uniform(batch, 0, 1, generator) * (height - heights + 1)).int()
    lefts = (_uniform(batch, 0, 1, generator) * (width - widths + 1)).int()
    boxes = torch.stack([tops, lefts, heights, widths], 1).tolist()
    size = [height, width]
    return torch.stack([VF.resized_crop(image, *box, size) for image, box in zip(x, boxes, strict=True)])
