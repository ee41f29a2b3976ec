"""The scheme `cifar10`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snnconv.data.scheme import SCHEMES, DataScheme, Purpose

if TYPE_CHECKING:
    from snnconv.data.sources import Source

__all__ = ["Cifar10"]


@SCHEMES.register("cifar10")
class Cifar10(DataScheme):
    """CIFAR-10."""

    form = "cifar10:DIR"
    help = "CIFAR-10 in torchvision's folder"
    place = 1

    def read(self, where: str, purpose: Purpose) -> Source:
        """Open the data."""
        from snnconv.data.cifar import read_cifar10

        return read_cifar10(where, purpose)
