"""ResNets for small images: depths 6n+2, 18 and 34, and the 19 of spiking networks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product

from torch import Tensor, nn

from snnconv.networks.parts import conv_bn, doubling, initialise, stages
from snnconv.networks.registry import NETWORKS

__all__ = ["BasicBlock", "ResNet"]

DEPTHS = (8, 14, 20, 32, 44, 56, 68)
WIDTHS = {"": 16, "-w8": 8, "-w32": 32, "-w64": 64}  # of the first stage, by the name's ending


class BasicBlock(nn.Module):
    """`relu(bn(conv(relu(bn(conv(x))))) + shortcut(x))`: the activation comes after the addition.

    He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, figure 2. The shortcut is the identity, or
    a 1 x 1 convolution with batch-norm where the shape changes (option B of section 4.1).

    Args:
        inputs: Channels of the input.
        filters: Channels of the output.
        stride: Stride: 1, or 2 to halve height and width.
    """

    def __init__(self, inputs: int, filters: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(*conv_bn(inputs, filters, stride=stride), nn.ReLU(), *conv_bn(filters, filters))
        same = stride == 1 and inputs == filters
        self.shortcut = nn.Identity() if same else conv_bn(inputs, filters, kernel=1, stride=stride)
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, inputs, H, W]` to `[B, filters, ⌈H/stride⌉, ⌈W/stride⌉]`, not negative."""
        y: Tensor = self.activation(self.residual(x) + self.shortcut(x))
        return y


class ResNet(nn.Module):
    """A 3 x 3 stem, stages of basic blocks, global average pooling and a linear head, for images from 8 x 8 pixels up.

    * `resnet8` to `resnet68`, depth 6n+2: three stages of n blocks, 16-32-64 channels (He et al., CVPR 2016,
      section 4.2, which pads shortcuts with zeros where these have convolutions). `-w8`, `-w32` and `-w64` are as deep,
      with that many channels in the first stage. `resnet20`: 272,474 parameters at 3 channels and 10 classes.
    * `resnet18`, `resnet34`: the stages of table 1 of the same paper, 64-128-256-512 channels, without the stem's
      stride and max-pooling. 11,173,962 and 21,282,122 parameters.
    * `resnet19`: Zheng et al., "Going Deeper With Directly-Trained Larger Spiking Neural Networks", AAAI 2021: stages
      of 3, 3 and 2 blocks, 128-256-512 channels, and a hidden linear layer of 256. 12,697,994 parameters. Papers that
      count 12.63 million have a stem of 64 channels.

    Args:
        channels: Channels C of the images.
        classes: Number of classes.
        widths: Channels of each stage; the stem has those of the first.
        blocks: Number of blocks of each stage.
        hidden: Features of a linear layer with ReLU before the head; none by default.
    """

    def __init__(
        self, channels: int, classes: int, *, widths: Sequence[int], blocks: Sequence[int], hidden: int | None = None
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(*conv_bn(channels, widths[0]), nn.ReLU())
        self.stages = stages(BasicBlock, widths[0], widths, blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        layers = () if hidden is None else (nn.Linear(widths[-1], hidden), nn.ReLU())
        self.head = nn.Sequential(*layers, nn.Linear(hidden or widths[-1], classes))
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map images `[B, C, H, W]` to logits `[B, classes]`."""
        logits: Tensor = self.head(self.pool(self.stages(self.stem(x))).flatten(1))
        return logits


for depth, (ending, width) in product(DEPTHS, WIDTHS.items()):
    n = (depth - 2) // 6
    NETWORKS.register(f"resnet{depth}{ending}")(partial(ResNet, widths=doubling(width), blocks=(n, n, n)))
NETWORKS.register("resnet18")(partial(ResNet, widths=(64, 128, 256, 512), blocks=(2, 2, 2, 2)))
NETWORKS.register("resnet34")(partial(ResNet, widths=(64, 128, 256, 512), blocks=(3, 4, 6, 3)))
NETWORKS.register("resnet19")(partial(ResNet, widths=(128, 256, 512), blocks=(3, 3, 2), hidden=256))
