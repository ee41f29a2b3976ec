"""Random changes of a batch of images.

Most changes are made to a whole batch at once, on its device, from uniform random numbers, a row an image. The changes
that torchvision makes image by image take their random numbers from torch's generator, which is seeded anew for each
image. So an image is changed in the same way whatever batch, worker or process it meets.

Letters: B batch, C channels, H rows, W columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as VF

from snnconv.errors import InvalidValueError

__all__ = ["DRAWS", "SMALL", "cutout", "each_image", "flip", "policy_of", "resized_crop", "shift"]

DRAWS = 5  # uniform numbers an image: two to four for the place, one for the flip
SMALL = 64  # pixels: images up to this size are shifted, larger ones cropped


def _integers(draws: Tensor, count: Tensor | int) -> Tensor:
    """Return whole numbers below `count` from uniform numbers in [0, 1)."""
    return (draws * count).long()


def shift(x: Tensor, draws: Tensor, reach: int | None = None, padding: str = "zeros") -> Tensor:
    """Shift each image by a random number of pixels down and right: the random crop of a padded image.

    Args:
        x: Images `[B, C, H, W]` of any type.
        draws: Uniform numbers in [0, 1) for down and right, `[B, 2]`.
        reach: Pixels that an image is shifted by at most; None: an eighth of each side, at least 1.
        padding: Fill of what is uncovered: zeros, or the image mirrored at its edge (reflection).
    """
    _, _, height, width = x.shape
    reach_y, reach_x = (max(1, side // 8) if reach is None else reach for side in (height, width))
    rows = _integers(draws[:, :1], 2 * reach_y + 1) + torch.arange(height, device=x.device)  # [B, H]
    columns = _integers(draws[:, 1:], 2 * reach_x + 1) + torch.arange(width, device=x.device)  # [B, W]
    padded = x
    if padding == "zeros":
        padded = F.pad(x, (reach_x, reach_x, reach_y, reach_y))
    else:
        rows, columns = _mirrored(rows - reach_y, height), _mirrored(columns - reach_x, width)
    members = torch.arange(len(x), device=x.device)[:, None, None]
    # the two slices keep C; indexing puts the indexed axes first: [B, H, W, C]
    return padded.movedim(1, -1)[members, rows[:, :, None], columns[:, None, :]].movedim(-1, 1).contiguous()


def _mirrored(places: Tensor, count: int) -> Tensor:
    """Return places from -(count - 1) to 2·(count - 1), mirrored at the first and the last into 0 to count - 1."""
    return (count - 1) - ((count - 1) - places.abs()).abs()


def flip(x: Tensor, draws: Tensor) -> Tensor:
    """Mirror each image `[B, C, H, W]` left to right where its number `[B]` is below 1/2."""
    return torch.where((draws < 0.5)[:, None, None, None], x.flip(-1), x)


def resized_crop(x: Tensor, draws: Tensor) -> Tensor:
    """Cut a random part out of each image and scale it to the whole size.

    The part has 8 to 100 % of the area, its sides are as 3:4 to 4:3.

    Args:
        x: Images `[B, C, H, W]`, floating point or uint8.
        draws: Uniform numbers in [0, 1) for area, ratio of the sides, down and right, `[B, 4]`.
    """
    height, width = x.shape[-2:]
    area = (0.08 + 0.92 * draws[:, 0]) * height * width
    ratio = (math.log(3 / 4) + (math.log(4 / 3) - math.log(3 / 4)) * draws[:, 1]).exp()
    heights = (area / ratio).sqrt().round().clamp(1, height).long()
    widths = (area * ratio).sqrt().round().clamp(1, width).long()
    tops = _integers(draws[:, 2], height - heights + 1)
    lefts = _integers(draws[:, 3], width - widths + 1)
    boxes = torch.stack([tops, lefts, heights, widths], 1).tolist()
    size = [height, width]
    return torch.stack([VF.resized_crop(image, *box, size) for image, box in zip(x, boxes, strict=True)])


def cutout(x: Tensor, draws: Tensor, side: int) -> Tensor:
    """Set a square to 0 in each image, wholly within it.

    Args:
        x: Images `[B, C, H, W]` of any type.
        draws: Uniform numbers in [0, 1) for down and right, `[B, 2]`.
        side: Side of the square in pixels, at most H and W.
    """
    within = []
    for length, drawn in zip(x.shape[-2:], draws.unbind(1), strict=True):
        places, first = torch.arange(length, device=x.device), _integers(drawn, length - side + 1)[:, None]
        within.append((places >= first) & (places < first + side))  # [B, H], [B, W]
    rows, columns = within
    return x.masked_fill(rows[:, None, :, None] & columns[:, None, None, :], 0)


def policy_of(auto_augment: str, size: tuple[int, int], channels: int = 3) -> Callable[[Tensor], Tensor] | None:
    """Return torchvision's changes of one image `[C, H, W]`, uint8 or float in 0..1; None where there are none.

    Args:
        auto_augment: Policy: none, autoaugment or randaugment.
        size: H and W of the images.
        channels: C of the images.

    Raises:
        InvalidValueError: The images are neither grey nor in colours.
    """
    if auto_augment != "none" and channels not in (1, 3):
        raise InvalidValueError(
            f"auto_augment is {auto_augment!r}, which changes grey and colour images; these have {channels} channels: "
            "leave it out."
        )
    policy: Callable[[Tensor], Tensor] | None = None
    if auto_augment == "autoaugment":
        policy = v2.AutoAugment(v2.AutoAugmentPolicy.CIFAR10 if max(size) <= SMALL else v2.AutoAugmentPolicy.IMAGENET)
    elif auto_augment == "randaugment":
        policy = v2.RandAugment()
    return policy


def each_image(x: Tensor, change: Callable[[Tensor], Tensor], seeds: Tensor) -> Tensor:
    """Apply `change` to each image of `[B, C, H, W]`, torch's generator seeded by the image's own seed `[B]`."""
    with _preserved_generator() as generator:
        changed = []
        for image, seed in zip(x, seeds.tolist(), strict=True):
            generator.manual_seed(seed)
            changed.append(change(image))
    return torch.stack(changed)


@contextmanager
def _preserved_generator() -> Iterator[torch.Generator]:
    """Give torch's generator, which is afterwards as it was; torch.manual_seed would seed GPUs as well, slowly."""
    generator = torch.default_generator
    state = generator.get_state()
    try:
        yield generator
    finally:
        generator.set_state(state)
