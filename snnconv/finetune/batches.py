"""Batches of images, epoch by epoch: shuffled, augmented, normalised.

All that is random follows from the seed, the epoch and the image alone. So a training that goes on from a checkpoint,
or that runs in several processes or with several workers, sees the same images in the same order, changed in the same
way.

Beside a GPU workers load and change the images ahead of it. The pixels of a small data set lie in the GPU's own memory
instead and are changed there, a batch at a time: neither waits for the other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import torch
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Dataset

from snnconv.data.images import Images
from snnconv.finetune.augmentation import Augmentation, Draws, generator
from snnconv.finetune.settings import LoopSettings

__all__ = ["Batches"]

MOST_WORKERS = 8
MOST_RESIDENT = 2 * 2**30  # bytes of a data set that lies in a GPU's memory
CHUNK = 1024  # images that go to a GPU at a time
Batch = tuple[Tensor, Tensor]


class _Augmented(Dataset[Batch]):
    """Changed images by epoch and positions, a whole batch at a time."""

    def __init__(self, images: Images, augmentation: Augmentation) -> None:
        assert images.labels is not None
        self.images = images
        self.augmentation = augmentation
        self.labels = torch.tensor(images.labels)
        self.drawn: tuple[int, Draws] | None = None

    def __getitem__(self, batch: tuple[int, Sequence[int]]) -> Batch:
        epoch, positions = batch
        if self.drawn is None or self.drawn[0] != epoch:
            self.drawn = epoch, self.augmentation.draws(epoch, len(self.images))
        chosen = torch.tensor(positions)
        x = self.augmentation(self.images.pixels_at(positions), self.drawn[1].of(chosen))
        return self.images.normalise(x), self.labels[chosen]


class _Resident:
    """Data set whose images all lie in the memory of one device."""

    def __init__(self, images: Images, augmentation: Augmentation, device: torch.device) -> None:
        self.images = images
        self.augmentation = augmentation
        self.device = device
        one = images.pixels(0)
        self.pixels = torch.empty(len(images), *one.shape, dtype=one.dtype, device=device)
        for number, pixels in enumerate(images.pixel_batches(CHUNK)):
            self.pixels[number * CHUNK :][: len(pixels)].copy_(pixels)
        self.labels = torch.tensor(images.labels, device=device)

    def batches(self, epoch: int, positions: Sequence[Sequence[int]]) -> Iterator[Batch]:
        """Yield batches as `_Augmented` does; between two of them nothing goes to the device or comes back."""
        draws = self.augmentation.draws(epoch, len(self.images)).to(self.device)
        for chosen in torch.tensor(positions).reshape(len(positions), -1).to(self.device):
            x = self.augmentation(self.pixels[chosen], draws.of(chosen))
            yield self.images.normalise(x), self.labels[chosen]


def _lies_on(device: torch.device, images: Images, augmentation: Augmentation) -> bool:
    """Return whether a data set fits in the memory of a device and can be changed there."""
    small = images.pixels(0).nbytes * len(images) <= MOST_RESIDENT
    return device.type != "cpu" and augmentation.batched and small


class Batches:
    """Batches to train on.

    Args:
        images: Labelled images.
        settings: Batch size, augmentation, workers and seed; an incomplete last batch is left out, unless it is the
            only one.
        device: Device of the batches.
        rank: Rank of this process.
        processes: Number of processes that share each batch, in equal parts.
        resident: True to load all images into the device's memory; None: True where it is a GPU, they are few enough
            and no number of workers is asked for.

    Raises:
        InvalidValueError: The augmentation does not fit the images.
    """

    def __init__(
        self,
        images: Images,
        settings: LoopSettings,
        device: torch.device,
        *,
        rank: int = 0,
        processes: int = 1,
        resident: bool | None = None,
    ) -> None:
        self.images = images
        self.batch_size = min(settings.batch_size, len(images) // processes * processes)
        self.seed = settings.seed
        self.device = device
        self.rank, self.processes = rank, processes
        augmentation = Augmentation(images.input, settings)
        if resident is None:
            resident = settings.workers < 0 and _lies_on(device, images, augmentation)
        self.resident = _Resident(images, augmentation, device) if resident else None
        self.data = _Augmented(images, augmentation)
        beside_a_gpu = min(MOST_WORKERS, max(1, (os.cpu_count() or 1) - 1))
        automatic = 0 if device.type == "cpu" else beside_a_gpu
        self.workers = automatic if settings.workers < 0 else settings.workers

    def __len__(self) -> int:
        return len(self.images) // self.batch_size

    def positions(self, epoch: int, step: int) -> list[int]:
        """Return the positions of the images of one whole batch; steps are counted from 1."""
        return self._order(epoch)[(step - 1) * self.batch_size : step * self.batch_size]

    def _order(self, epoch: int) -> list[int]:
        order: list[int] = torch.randperm(len(self.images), generator=generator(self.seed, epoch, 0)).tolist()
        return order

    def epoch(self, epoch: int, *, done: int = 0) -> Iterator[Batch]:
        """Yield this process's part of every batch after the first `done`: x `[B, ...]` float32, labels `[B]` int64."""
        order = self._order(epoch)
        starts = range(done * self.batch_size, len(self) * self.batch_size, self.batch_size)
        positions = [order[start : start + self.batch_size][self.rank :: self.processes] for start in starts]
        if self.resident is not None:
            yield from self.resident.batches(epoch, positions)
            return
        loader = DataLoader(
            self.data,
            sampler=[(epoch, chosen) for chosen in positions],
            batch_size=None,
            num_workers=self.workers,
            pin_memory=self.device.type == "cuda",
            generator=Generator(),  # else it draws from torch's own
        )
        for x, y in loader:
            yield x.to(self.device, non_blocking=True), y.to(self.device, non_blocking=True)
