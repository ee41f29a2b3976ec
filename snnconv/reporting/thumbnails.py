"""Small pictures of images as PNG files, made from pixels alone: never from a file's name or bytes."""

from __future__ import annotations

import io

import torch
from PIL import Image
from torch import Tensor

from snnconv.data.images import Images

__all__ = ["thumbnail", "to_rgb"]

SIDE = 96  # most pixels of the longer side
POLARITIES = ((0.34, 0.71, 0.91), (0.9, 0.62, 0.0))  # darker and brighter, which colour-blind people tell apart


def thumbnail(images: Images, index: int) -> bytes:
    """Return one image as a PNG file, its longer side at most SIDE pixels; small images keep their size.

    Recordings of events become one picture of all frames: orange is brighter, blue is darker.
    """
    pixels = images.pixels(index)
    rgb = to_rgb(_as_row(pixels) if images.input.layout == "NC" else pixels)
    picture = Image.fromarray(rgb.permute(1, 2, 0).contiguous().numpy())
    picture.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return file.getvalue()


def _as_row(values: Tensor) -> Tensor:
    """Return the numbers of a flat sample as a row of pixels in 0..1, brightest where they are largest."""
    least, most = values.min(), values.max()
    row = (values - least) / (most - least).clamp_min(1e-9)
    return row.unsqueeze(-2).unsqueeze(-2)


def to_rgb(pixels: Tensor) -> Tensor:
    """Return pixels as a picture, `[3, H, W]` uint8.

    One channel is grey. Two channels are blue and orange on black, brightest where most events were counted. The first
    three of four channels are shown, and the mean of any other number.

    Args:
        pixels: Pixels `[C, H, W]`, uint8 or 0..1, or counts of events `[T, C, H, W]`.

    >>> to_rgb(torch.tensor([[[0.0, 1.0]]]))[:, 0].tolist()
    [[0, 255], [0, 255], [0, 255]]
    """
    counted = pixels.dim() == 4
    x = pixels.float().sum(0) if counted else pixels.float()
    if counted or x.shape[0] == 2:
        x = x / x.max().clamp_min(1e-9)
    elif pixels.dtype == torch.uint8:
        x = x / 255
    x = x.nan_to_num().clamp(0, 1)
    if x.shape[0] == 2:
        x = torch.einsum("chw,cr->rhw", x, torch.tensor(POLARITIES)).clamp(0, 1)
    elif x.shape[0] == 4:
        x = x[:3]
    elif x.shape[0] != 3:
        x = x.mean(0, keepdim=True).expand(3, -1, -1)
    return (x * 255).round().to(torch.uint8)
