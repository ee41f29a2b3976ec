"""The images of one epoch after the other: shuffled, augmented, normalised.

All that is random follows from the seed, the epoch and the image alone. So a training that goes on from a checkpoint,
or that runs in several processes or with several workers, sees the same images in the same order, changed in the same
way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Dataset

from snnconv.finetune.augment import DRAWS, SMALL, each_image, flip, image_transform, resized_crop, shift
from snnconv.finetune.settings import LoopSettings
from snnconv.zoo.images import Images

__all__ = ["Batches"]

MOST_WORKERS = 8
Batch = tuple[Tensor, Tensor]


def _generator(seed: int, epoch: int, stream: int) -> Generator:
    """Random numbers of one epoch and one use of them."""
    mixed = np.random.SeedSequence([seed, epoch, stream]).generate_state(1, np.uint64)
    return Generator().manual_seed(int(mixed[0] >> np.uint64(1)))


class _Augmented(Dataset[Batch]):
    """Images by (epoch, positions); a whole batch at a time."""

    def __init__(self, images: Images, settings: LoopSettings) -> None:
        assert images.labels is not None
        self.images = images
        self.seed = settings.seed
        self.augment = settings.augment
        self.labels = torch.tensor(images.labels)
        height, width = images.input.height or 0, images.input.width or 0
        self.shifts = max(height, width) <= SMALL or images.input.timesteps is not None  # frames count events
        self.flips = images.input.channels > 1 and images.input.timesteps is None
        frames = images.input.timesteps or 1
        self.change = image_transform(
            settings.auto_augment, settings.cutout, (height, width), images.input.channels * frames
        )
        self.drawn: tuple[int, Tensor, Tensor] | None = None

    def __getitem__(self, batch: tuple[int, Sequence[int]]) -> Batch:
        epoch, positions = batch
        x = self.images.pixels_at(positions)  # [B, C, H, W], of frames [B, T, C, H, W]
        if self.augment or self.change is not None:
            flat = x.flatten(1, -3)  # all frames of a sample are changed alike
            x = self._changed(flat, *(table[torch.tensor(positions)] for table in self._draws(epoch))).view_as(x)
        return self.images.normalise(x), self.labels[torch.tensor(positions)]

    def _draws(self, epoch: int) -> tuple[Tensor, Tensor]:
        """Uniform numbers `[n, DRAWS]` and a seed `[n]` of every image in this epoch."""
        if self.drawn is None or self.drawn[0] != epoch:
            count = len(self.images)
            uniform = torch.rand(count, DRAWS, generator=_generator(self.seed, epoch, 1))
            seeds = torch.randint(2**62, (count,), generator=_generator(self.seed, epoch, 2))
            self.drawn = epoch, uniform, seeds
        return self.drawn[1:]

    def _changed(self, x: Tensor, draws: Tensor, seeds: Tensor) -> Tensor:
        if self.augment:
            x = shift(x, draws[:, :2]) if self.shifts else resized_crop(x, draws[:, :4])
            x = flip(x, draws[:, 4]) if self.flips else x
        return x if self.change is None else each_image(x, self.change, seeds)


class Batches:
    """Batches to train on.

    Args:
        images: with labels.
        settings: batch size, augmentation, workers and seed; an incomplete last batch is left out, unless it is the
            only one.
        device: where the batches are wanted.
        rank: of this process.
        processes: how many share each batch, in equal parts.
    """

    def __init__(
        self, images: Images, settings: LoopSettings, device: torch.device, *, rank: int = 0, processes: int = 1
    ) -> None:
        self.images = images
        self.batch_size = min(settings.batch_size, len(images) // processes * processes)
        self.seed = settings.seed
        self.device = device
        self.rank, self.processes = rank, processes
        self.data = _Augmented(images, settings)
        beside_a_gpu = min(MOST_WORKERS, max(1, (os.cpu_count() or 1) - 1))
        automatic = 0 if device.type == "cpu" else beside_a_gpu
        self.workers = automatic if settings.workers < 0 else settings.workers

    def __len__(self) -> int:
        return len(self.images) // self.batch_size

    def positions(self, epoch: int, step: int) -> list[int]:
        """Positions of the images of one whole batch; steps are counted from 1."""
        return self._order(epoch)[(step - 1) * self.batch_size : step * self.batch_size]

    def _order(self, epoch: int) -> list[int]:
        order: list[int] = torch.randperm(len(self.images), generator=_generator(self.seed, epoch, 0)).tolist()
        return order

    def epoch(self, epoch: int, *, done: int = 0) -> Iterator[Batch]:
        """This process's part of every batch after the first `done`: x `[B, ...]` float32 and labels `[B]` int64."""
        order = self._order(epoch)
        starts = range(done * self.batch_size, len(self) * self.batch_size, self.batch_size)
        keys = [(epoch, order[start : start + self.batch_size][self.rank :: self.processes]) for start in starts]
        loader = DataLoader(
            self.data,
            sampler=keys,
            batch_size=None,
            num_workers=self.workers,
            pin_memory=self.device.type == "cuda",
            generator=Generator(),  # else it draws from torch's own
        )
        for x, y in loader:
            yield x.to(self.device, non_blocking=True), y.to(self.device, non_blocking=True)
