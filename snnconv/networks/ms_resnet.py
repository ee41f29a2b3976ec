"""MS-ResNets: shortcuts carry the currents that drive membranes, not spikes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from snnconv.networks.parts import conv_bn, initialise, stages
from snnconv.networks.registry import NETWORKS

__all__ = ["MSBlock", "MSResNet"]


class MSBlock(nn.Module):
    """`shortcut(x) + bn(conv(relu(bn(conv(relu(x))))))`: each activation comes before its convolution.

    Hu et al., "Advancing Spiking Neural Networks Toward Deep Residual Learning", IEEE TNNLS 2024 (arXiv 2112.08954),
    and the authors' code. Input and output are currents, of either sign. The shortcut is the identity, or a 1 x 1
    convolution with batch-norm where the shape changes; in the authors' code, as here, that convolution takes the
    currents themselves, so it multiplies where others add spikes.

    Args:
        inputs: Channels of the input.
        filters: Channels of the output.
        stride: Stride: 1, or 2 to halve height and width.
    """

    def __init__(self, inputs: int, filters: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.ReLU(), *conv_bn(inputs, filters, stride=stride), nn.ReLU(), *conv_bn(filters, filters)
        )
        same = stride == 1 and inputs == filters
        self.shortcut = nn.Identity() if same else conv_bn(inputs, filters, kernel=1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, inputs, H, W]` to `[B, filters, ⌈H/stride⌉, ⌈W/stride⌉]`."""
        y: Tensor = self.residual(x) + self.shortcut(x)
        return y


class MSResNet(nn.Module):
    """A stem without activation, stages of `MSBlock`, a last ReLU, global average pooling and a linear head.

    The paper's `ms-resnet18` and `ms-resnet34`, with a 3 x 3 stem and a first stage without stride, for images from
    8 x 8 pixels up. 11,173,962 and 21,282,122 parameters at 3 channels and 10 classes: those of ResNets of that depth.
    The paper starts the last batch-norm of each block at weight 0; here it starts at 1.

    Args:
        channels: Channels C of the images.
        classes: Number of classes.
        widths: Channels of each stage; the stem has those of the first.
        blocks: Number of blocks of each stage.
    """

    def __init__(
        self, channels: int, classes: int, *, widths: Sequence[int] = (64, 128, 256, 512), blocks: Sequence[int]
    ) -> None:
        super().__init__()
        self.stem = conv_bn(channels, widths[0])
        self.stages = stages(MSBlock, widths[0], widths, blocks)
        self.activation = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(widths[-1], classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map images `[B, C, H, W]` to logits `[B, classes]`."""
        logits: Tensor = self.head(self.pool(self.activation(self.stages(self.stem(x)))).flatten(1))
        return logits


NETWORKS.register("ms-resnet18")(partial(MSResNet, blocks=(2, 2, 2, 2)))
NETWORKS.register("ms-resnet34")(partial(MSResNet, blocks=(3, 4, 6, 3)))
