"""Mixup and cutmix, timm's, with random numbers that follow from the seed, the epoch and the step."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from snnconv.errors import InvalidValueError
from snnconv.finetune.settings import LoopSettings

__all__ = ["Mixing"]


class Mixing:
    """Mixes the images of a batch with each other, and their labels.

    Args:
        settings: alphas of mixup and cutmix, label smoothing, seed.
        classes: number of classes.
    """

    def __init__(self, settings: LoopSettings, classes: int) -> None:
        from timm.data.mixup import Mixup

        self.seed = settings.seed
        self.mixup = Mixup(
            mixup_alpha=settings.mixup,
            cutmix_alpha=settings.cutmix,
            label_smoothing=settings.label_smoothing,
            num_classes=classes,
        )

    def __call__(self, x: Tensor, y: Tensor, *, epoch: int, step: int) -> tuple[Tensor, Tensor]:
        """Images `[B, C, H, W]` and labels `[B]` to mixed images and probabilities `[B, classes]`.

        Raises:
            InvalidValueError: the batch has an odd number of images, which timm cannot pair.
        """
        if len(x) % 2:
            raise InvalidValueError(f"A batch has {len(x)} images; mixup and cutmix pair them: give an even number.")
        state = np.random.get_state()
        try:
            np.random.seed([self.seed % 2**32, self.seed // 2**32, epoch, step])
            mixed: tuple[Tensor, Tensor] = self.mixup(x.clone(), y)
        finally:
            np.random.set_state(state)
        return mixed[0], mixed[1].to(torch.float32)
