"""The images of one epoch after the other: shuffled, augmented, normalised."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from snnconv.finetune.augment import flip, resized_crop, shift
from snnconv.zoo.images import Images

__all__ = ["Batches"]

SMALL = 64  # pixels: images up to this size are held in memory and shifted, larger ones streamed and cropped


class Batches:
    """Batches to train on; each iteration is an epoch in a new order.

    Args:
        images: with labels.
        batch_size: images a batch; an incomplete last batch is left out, unless it is the only one.
        augment: whether to change the images at random.
        seed: of the order and the augmentation.
        device: where the batches are wanted.
    """

    def __init__(self, images: Images, batch_size: int, *, augment: bool, seed: int, device: torch.device) -> None:
        assert images.labels is not None
        self.images = images
        self.batch_size = min(batch_size, len(images))
        self.augment = augment
        self.device = device
        self.generator = Generator().manual_seed(seed)
        self.channels_last = images.input.layout == "NHWC"
        self.flips = images.input.channels > 1
        self.labels = torch.tensor(images.labels).to(device)
        self.pixels: Tensor | None = None
        if max(images.input.height or 0, images.input.width or 0) <= SMALL:
            self.pixels = torch.stack([images.pixels(index) for index in range(len(images))]).to(device)

    def __len__(self) -> int:
        return len(self.images) // self.batch_size

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch: x `[B, *sample_shape]` float32 and labels `[B]` int64."""
        order = torch.randperm(len(self.images), generator=self.generator)[: len(self) * self.batch_size]
        return self._stream(order) if self.pixels is None else self._from_memory(self.pixels, order)

    def _from_memory(self, pixels: Tensor, order: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        for chosen in torch.split(order.to(self.device), self.batch_size):
            x = pixels[chosen]
            if self.augment:
                x = shift(x, self.generator)
                x = flip(x, self.generator) if self.flips else x
            yield self.images.normalise(x), self.labels[chosen]

    def _stream(self, order: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        for x, y in self.images.subset(order.tolist()).batches(self.batch_size):
            yield (self._crop(x) if self.augment else x).to(self.device), y.to(self.device)

    def _crop(self, x: Tensor) -> Tensor:
        """Crop and flip what is normalised already; both commute with that."""
        x = resized_crop(x.movedim(-1, 1) if self.channels_last else x, self.generator)
        x = flip(x, self.generator) if self.flips else x
        return x.movedim(1, -1).contiguous() if self.channels_last else x
