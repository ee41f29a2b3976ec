"""Mixup and cutmix, timm's, with random numbers that follow from the seed, the epoch and the step."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from snnconv.errors import InvalidValueError
from snnconv.finetune.settings import LoopSettings

__all__ = ["Mixing"]


class Mixing:
    """Mixer of the images of a batch with each other, and of their labels.

    Args:
        settings: Alphas of mixup and cutmix, label smoothing, seed.
        classes: Number of classes.
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
        """Return mixed images and their targets, `[B, classes]`.

        Args:
            x: Images `[B, C, H, W]`, or frames `[T, B, C, H, W]`, whose samples are each mixed in one way.
            y: Labels `[B]`.
            epoch: Epoch, counted from 1.
            step: Step of the epoch, counted from 1.

        Raises:
            InvalidValueError: The batch has an odd number of images, which timm cannot pair.
        """
        if len(y) % 2:
            raise InvalidValueError(f"A batch has {len(y)} images; mixup and cutmix pair them: give an even number.")
        state = np.random.get_state()
        try:
            np.random.seed([self.seed % 2**32, self.seed // 2**32, epoch, step])
            if x.dim() == 5:  # all frames of a sample are mixed alike
                folded = x.transpose(0, 1)
                frames, targets = self.mixup(folded.flatten(1, 2), y)
                return frames.view(folded.shape).transpose(0, 1).contiguous(), targets.to(torch.float32)
            mixed, targets = self.mixup(x.clone(), y)
        finally:
            np.random.set_state(state)
        return mixed, targets.to(torch.float32)
