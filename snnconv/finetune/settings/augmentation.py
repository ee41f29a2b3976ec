"""Settings of the random changes that images undergo in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from snnconv.options import Settings, documented, option

__all__ = ["AugmentationSettings", "AutoAugment", "Flips", "Padding"]

Flips = Literal["random", "alternating"]
Padding = Literal["zeros", "reflection"]
AutoAugment = Literal["none", "autoaugment", "randaugment"]


@documented
@dataclass(frozen=True)
class AugmentationSettings(Settings):
    """Settings of the random changes of images."""

    augment: bool = option(
        True,
        "Shifts and flips of images up to 64 pixels, crops and flips of larger ones. Grey images never flip, and "
        "frames of events are shifted only.",
        names=("--augment/--no-augment",),
    )
    shift: int | None = option(
        None,
        "Pixels that images up to 64 pixels are shifted by at most, down and right alike.",
        metavar="N",
        least=0,
        otherwise="an eighth of each side",
    )
    padding: Padding = option("zeros", "Fill of what a shift uncovers: zeros, or the image mirrored at its edge.")
    flips: Flips = option(
        "random",
        "Images that are flipped: half of them at random, or each in every second epoch, half of them in the first "
        "(alternating).",
    )
    auto_augment: AutoAugment = option(
        "none", "Policy of torchvision; autoaugment is that of CIFAR-10 up to 64 pixels, else that of ImageNet."
    )
    cutout: int = option(0, "Side in pixels of a square that is erased from every image; 0: none.", least=0)
    mixup: float = option(0.0, "Alpha of timm's mixup; 0: none.", least=0)
    cutmix: float = option(0.0, "Alpha of timm's cutmix; 0: none. With mixup, each batch takes one of them.", least=0)
