"""Parts that the families share: convolutions with batch-norm, stages of blocks, initial weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn

__all__ = ["conv_bn", "doubling", "initialise", "stages"]


def conv_bn(inputs: int, filters: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Return a convolution without bias and its batch-norm.

    They map `[B, inputs, H, W]` to `[B, filters, ⌈H/stride⌉, ⌈W/stride⌉]`.
    """
    convolution = nn.Conv2d(inputs, filters, kernel, stride=stride, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(filters))


def stages(
    block: Callable[[int, int, int], nn.Module], inputs: int, widths: Sequence[int], blocks: Sequence[int]
) -> nn.Sequential:
    """Return stages of residual blocks; the first block of each stage but the first halves height and width.

    Args:
        block: Function of (input channels, output channels, stride) that makes a block.
        inputs: Channels of the input.
        widths: Channels of each stage.
        blocks: Number of blocks of each stage.
    """
    layers = []
    for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        for position in range(count):
            layers.append(block(inputs, width, 2 if stage and not position else 1))
            inputs = width
    return nn.Sequential(*layers)


def doubling(width: int) -> tuple[int, int, int]:
    """Return the widths of three stages, of which each is twice as wide as the one before."""
    return width, 2 * width, 4 * width


def initialise(network: nn.Module) -> None:
    """Draw the weights of convolutions from a normal distribution of variance `2/(filters·kernel area)`.

    He et al., "Delving Deep into Rectifiers", ICCV 2015, section 2.2, the backward form. Batch-norm is left as torch
    makes it (weight 1, bias 0), and so are linear layers.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
