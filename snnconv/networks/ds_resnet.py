"""DS-ResNets: residual blocks that add after their second activation, so that spikes add to spikes."""

from __future__ import annotations

from functools import partial
from itertools import product

from torch import Tensor, nn

from snnconv.networks.parts import conv_bn, doubling, initialise, stages
from snnconv.networks.registry import NETWORKS

__all__ = ["DSBlock", "DSResNet"]

DEPTHS = (14, 20, 32, 44, 68)
WIDTHS = {"": 64, "-w8": 8, "-w16": 16, "-w32": 32}  # of the first stage, by the name's ending


class DSBlock(nn.Module):
    """`relu(bn(conv(relu(bn(conv(x)))))) + shortcut(x)`: the addition comes after the second activation.

    Feng et al., "Multi-Level Firing with Spiking DS-ResNet", IJCAI 2022 (DS: dormant-suppressed), and the authors'
    code. The shortcut is the identity, or `relu(bn(conv))` with a 1 x 1 convolution where the shape changes.

    Args:
        inputs: Channels of the input.
        filters: Channels of the output.
        stride: Stride: 1, or 2 to halve height and width.
    """

    def __init__(self, inputs: int, filters: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            *conv_bn(inputs, filters, stride=stride), nn.ReLU(), *conv_bn(filters, filters), nn.ReLU()
        )
        same = stride == 1 and inputs == filters
        self.shortcut = (
            nn.Identity() if same else nn.Sequential(*conv_bn(inputs, filters, kernel=1, stride=stride), nn.ReLU())
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, inputs, H, W]` to `[B, filters, ⌈H/stride⌉, ⌈W/stride⌉]`, not negative where `x` is not."""
        y: Tensor = self.residual(x) + self.shortcut(x)
        return y


class DSResNet(nn.Module):
    """A 3 x 3 stem, three stages of n `DSBlock`, global average pooling and a linear head; depth 6n+2.

    For images from 8 x 8 pixels up. The paper's widths are 64-128-256 for CIFAR-10 (`ds-resnet20`), 32-64-128 for
    CIFAR10-DVS (`ds-resnet20-w32`), and 16-32-64 with a batch-norm of the input for DVS-Gesture (`ds-resnet20-dvs`;
    `ds-resnet20-w16` is the same without it). `ds-resnet20-w8` is for experiments; other depths are named likewise.
    Parameters at 3 channels and 10 classes: `ds-resnet20` 4,327,754, `ds-resnet20-w16` 272,474.

    Args:
        channels: Channels C of the images.
        classes: Number of classes.
        width: Channels of the stem and the first stage; each later stage has twice those of the one before.
        n: Number of blocks of each stage.
        input_norm: True for a batch-norm without weight and bias on the input.
    """

    def __init__(self, channels: int, classes: int, *, width: int, n: int, input_norm: bool = False) -> None:
        super().__init__()
        norm = (nn.BatchNorm2d(channels, affine=False),) if input_norm else ()
        self.stem = nn.Sequential(*norm, *conv_bn(channels, width), nn.ReLU())
        self.stages = stages(DSBlock, width, doubling(width), (n, n, n))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(4 * width, classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map images `[B, C, H, W]` to logits `[B, classes]`."""
        logits: Tensor = self.head(self.pool(self.stages(self.stem(x))).flatten(1))
        return logits


for depth, (ending, width) in product(DEPTHS, WIDTHS.items()):
    NETWORKS.register(f"ds-resnet{depth}{ending}")(partial(DSResNet, width=width, n=(depth - 2) // 6))
for depth in DEPTHS:
    NETWORKS.register(f"ds-resnet{depth}-dvs")(partial(DSResNet, width=16, n=(depth - 2) // 6, input_norm=True))
