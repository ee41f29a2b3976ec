"""VGG for small images, with batch-norm and average pooling."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from snnconv.networks.parts import conv_bn, initialise
from snnconv.networks.registry import NETWORKS

__all__ = ["VGG"]

WIDTHS = (64, 128, 256, 512, 512)


class VGG(nn.Module):
    """Stages of 3 x 3 convolutions with an average pooling after each, and a linear head.

    Simonyan and Zisserman, "Very Deep Convolutional Networks", ICLR 2015, table 1, configurations B (`vgg13`) and D
    (`vgg16`). Batch-norm after each convolution; pooling takes averages, as spikes have no maximum (the recipe of Bu et
    al., QCFS, ICLR 2022). The last pooling is global and one linear layer follows, where the paper has three: any
    size of image from 16 x 16 pixels up is taken, and the depth is less by two than the name says.
    `vgg13`: 9,413,066 parameters at 3 channels and 10 classes; `vgg16`: 14,724,042.

    Args:
        channels: Channels C of the images.
        classes: Number of classes.
        widths: Channels of each stage.
        convolutions: Number of convolutions of each stage.
    """

    def __init__(
        self, channels: int, classes: int, *, widths: Sequence[int] = WIDTHS, convolutions: Sequence[int]
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = channels
        for width, count in zip(widths, convolutions, strict=True):
            if layers:
                layers.append(nn.AvgPool2d(2))
            for _ in range(count):
                layers += [*conv_bn(inputs, width), nn.ReLU()]
                inputs = width
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(inputs, classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map images `[B, C, H, W]` to logits `[B, classes]`."""
        logits: Tensor = self.head(self.pool(self.features(x)).flatten(1))
        return logits


NETWORKS.register("vgg13")(partial(VGG, convolutions=(2, 2, 2, 2, 2)))
NETWORKS.register("vgg16")(partial(VGG, convolutions=(2, 2, 3, 3, 3)))
