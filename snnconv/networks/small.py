"""A small network, for demonstrations and tests."""

from __future__ import annotations

from torch import Tensor, nn

from snnconv.networks.registry import NETWORKS

__all__ = ["SmallCNN"]


@NETWORKS.register("small-cnn")
class SmallCNN(nn.Module):
    """Three convolutions with batch-norm and ReLU, for images from 8 x 8 pixels up.

    14,458 parameters at 1 channel and 10 classes.

    Args:
        channels: Channels C of the images.
        classes: Number of classes.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_block(channels, 16), *_block(16, 32), nn.AvgPool2d(2), *_block(32, 32), nn.AdaptiveAvgPool2d(1)
        )
        self.head = nn.Linear(32, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images `[B, C, H, W]` to logits `[B, classes]`."""
        logits: Tensor = self.head(self.features(x).flatten(1))
        return logits


def _block(channels: int, filters: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(channels, filters, 3, padding=1, bias=False)
    return convolution, nn.BatchNorm2d(filters), nn.ReLU()
