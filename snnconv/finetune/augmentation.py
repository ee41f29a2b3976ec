"""Random changes of the images of a data set in training, and the random numbers behind them.

All that is random follows from the seed, the epoch and the image alone, and is drawn on the CPU: an image is changed in
the same way in whatever batch, worker, process or device memory it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from snnconv.errors import InvalidValueError
from snnconv.finetune.augment import DRAWS, SMALL, cutout, each_image, flip, policy_of, resized_crop, shift
from snnconv.finetune.settings import LoopSettings
from snnconv.model import InputSpec

__all__ = ["Augmentation", "Draws", "generator"]


def generator(seed: int, epoch: int, stream: int) -> Generator:
    """Return a generator of the random numbers for one epoch and one use of them."""
    mixed = np.random.SeedSequence([seed, epoch, stream]).generate_state(1, np.uint64)
    return Generator().manual_seed(int(mixed[0] >> np.uint64(1)))


@dataclass(frozen=True)
class Draws:
    """Random numbers, a row an image.

    Attributes:
        places: Uniform numbers in [0, 1) for shifts, crops and flips, `[n, DRAWS]`.
        squares: Uniform numbers in [0, 1) for erased squares, `[n, 2]`.
        seeds: Whole numbers that seed what is drawn image by image, `[n]`.
    """

    places: Tensor
    squares: Tensor
    seeds: Tensor

    def of(self, positions: Tensor) -> Draws:
        """Return the random numbers of some images."""
        return Draws(self.places[positions], self.squares[positions], self.seeds[positions])

    def to(self, device: torch.device) -> Draws:
        """Return the random numbers on another device."""
        return Draws(self.places.to(device), self.squares.to(device), self.seeds.to(device))


class Augmentation:
    """Random changes of one data set's images.

    Args:
        input: Size, channels and frames of the images.
        settings: Changes, and the seed.

    Attributes:
        batched: True where every change is made to a whole batch at once, on whatever device that is.

    Raises:
        InvalidValueError: The images are too small for the square or the shift, or are not what the policy changes.
    """

    def __init__(self, input: InputSpec, settings: LoopSettings) -> None:  # noqa: A002 - the name this has everywhere
        flat = input.layout == "NC"
        if flat and (settings.cutout or settings.auto_augment != "none"):
            raise InvalidValueError(
                "cutout and auto_augment change images, and the network takes flat inputs: leave them out."
            )
        height, width = input.height or 0, input.width or 0
        if settings.cutout and settings.cutout >= min(height, width):
            raise InvalidValueError(
                f"cutout is {settings.cutout}, the images are {height} x {width} pixels: give less."
            )
        self.seed, self.settings = settings.seed, settings
        self.augment = settings.augment and not flat
        self.cutout = settings.cutout
        self.shifts = max(height, width) <= SMALL or input.timesteps is not None  # frames count events
        if settings.shift is not None and not (self.shifts and settings.shift < min(height, width)):
            raise InvalidValueError(
                f"shift is {settings.shift}, the images are {height} x {width} pixels: it must be less than they have, "
                f"and images above {SMALL} pixels are cropped in its stead: leave it out."
            )
        self.flips = input.channels > 1 and input.timesteps is None
        self.policy = policy_of(settings.auto_augment, (height, width), input.channels * (input.timesteps or 1))
        self.batched = self.policy is None and (self.shifts or not self.augment)

    def draws(self, epoch: int, count: int) -> Draws:
        """Draw the random numbers of `count` images in one epoch."""
        places = torch.rand(count, DRAWS, generator=generator(self.seed, epoch, 1))
        if self.settings.flips == "alternating":
            first = torch.rand(count, generator=generator(self.seed, 0, 4))
            places[:, 4] = (first + 0.5 * (epoch % 2)) % 1
        return Draws(
            places,
            torch.rand(count, 2, generator=generator(self.seed, epoch, 3)),
            torch.randint(2**62, (count,), generator=generator(self.seed, epoch, 2)),
        )

    def __call__(self, pixels: Tensor, draws: Draws) -> Tensor:
        """Return the changed pixels, of the same shape.

        Args:
            pixels: Pixels `[B, C, H, W]`, or frames `[B, T, C, H, W]`, which are changed alike within a sample.
            draws: Random numbers of the images, on the device of the pixels.
        """
        if not (self.augment or self.policy or self.cutout):
            return pixels
        x = pixels.flatten(1, -3)
        if self.augment:
            x = self._moved(x, draws)
            x = flip(x, draws.places[:, 4]) if self.flips else x
        if self.policy is not None:
            x = each_image(x, self.policy, draws.seeds)
        if self.cutout:
            x = cutout(x, draws.squares, self.cutout)
        return x.view_as(pixels)

    def _moved(self, x: Tensor, draws: Draws) -> Tensor:
        """Return images that are shifted where they are small, else cropped."""
        if not self.shifts:
            return resized_crop(x, draws.places[:, :4])
        return shift(x, draws.places[:, :2], self.settings.shift, self.settings.padding)
