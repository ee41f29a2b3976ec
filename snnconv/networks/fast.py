"""A network that trains in minutes on CIFAR-10."""

from __future__ import annotations

from functools import partial
from itertools import pairwise, product

from torch import Tensor, nn

from snnconv.networks.registry import NETWORKS

__all__ = ["FastNet"]

STEM = 2  # pixels of a side of the stem's patches
NORM_MOMENTUM = 0.4  # share of a batch in the running statistics: they follow weights that change fast
WIDTHS = {"": 64, "-w32": 32, "-w16": 16}  # of the first block, by the name's ending


class FastNet(nn.Module):
    """A stem of 2 x 2 patches and three blocks of two 3 x 3 convolutions with max-pooling, for images from 18 pixels.

    Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024 (airbench94), with ReLU in GELU's place. The stem
    has both signs of every direction of the patches, 8·C filters without padding; `snnconv.finetune.whitening` gives
    it the whitening filters of the training images. A block is `relu(bn(conv(relu(bn(pool(conv(x)))))))`, of 64, 256
    and 256 channels. The last pooling is a global average, for spikes' sake, where the source takes maxima and a ninth
    of the logits. Convolutions start as the identity on their first channels (Dirac initialisation). `fast-w32` and
    `fast-w16` have half and a quarter of the channels. Parameters at 3 channels and 10 classes: `fast` 1,972,792.

    `fast-average` is for neurons that fire as they go: averages in the place of maxima, the first of a block after its
    activation, so that the spikes of four neurons reach the next layer as one finer value.

    Args:
        channels: Channels C of the images.
        classes: Number of classes.
        width: Channels of the first block; the others have four times as many.
        average: True for averages after the activations, in the place of maxima before them.
    """

    def __init__(self, channels: int, classes: int, *, width: int, average: bool = False) -> None:
        super().__init__()
        filters = 2 * channels * STEM**2
        self.stem = nn.Sequential(nn.Conv2d(channels, filters, STEM), nn.ReLU())
        widths = (filters, width, 4 * width, 4 * width)
        self.blocks = nn.Sequential(*(_block(*pair, average) for pair in pairwise(widths)))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(4 * width, classes, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map images `[B, C, H, W]` to logits `[B, classes]`."""
        logits: Tensor = self.head(self.pool(self.blocks(self.stem(x))).flatten(1))
        return logits


def _block(inputs: int, filters: int, average: bool) -> nn.Sequential:
    """Return a block that maps `[B, inputs, H, W]` to `[B, filters, ⌊H/2⌋, ⌊W/2⌋]`."""
    activation = (nn.BatchNorm2d(filters, momentum=NORM_MOMENTUM), nn.ReLU())
    pooled = (*activation, nn.AvgPool2d(2)) if average else (nn.MaxPool2d(2), *activation)
    return nn.Sequential(
        _convolution(inputs, filters),
        *pooled,
        _convolution(filters, filters),
        nn.BatchNorm2d(filters, momentum=NORM_MOMENTUM),
        nn.ReLU(),
    )


def _convolution(inputs: int, filters: int) -> nn.Conv2d:
    """Return a 3 x 3 convolution whose first `inputs` filters are the identity at the start."""
    convolution = nn.Conv2d(inputs, filters, 3, padding=1, bias=False)
    nn.init.dirac_(convolution.weight[:inputs])
    return convolution


for average, (ending, width) in product((False, True), WIDTHS.items()):
    kind = "-average" if average else ""
    NETWORKS.register(f"fast{kind}{ending}")(partial(FastNet, width=width, average=average))
