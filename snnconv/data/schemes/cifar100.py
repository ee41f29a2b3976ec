"""The scheme `cifar100`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snnconv.data.scheme import SCHEMES, DataScheme, Purpose

if TYPE_CHECKING:
    from snnconv.data.sources import Source

__all__ = ["Cifar100"]


@SCHEMES.register("cifar100")
class Cifar100(DataScheme):
    """CIFAR-100."""

    form = "cifar100:DIR"
    help = "CIFAR-100 in torchvision's folder"
    place = 2

    def read(self, where: str, purpose: Purpose) -> Source:
        """Open the data."""
        from snnconv.data.cifar import read_cifar100

        return read_cifar100(where, purpose)
