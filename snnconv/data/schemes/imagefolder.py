"""The scheme `imagefolder`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snnconv.data.scheme import SCHEMES, DataScheme, Purpose

if TYPE_CHECKING:
    from snnconv.data.sources import Source

__all__ = ["ImageFolders"]


@SCHEMES.register("imagefolder")
class ImageFolders(DataScheme):
    """Image files in a folder a class."""

    form = "imagefolder:DIR"
    help = "one subfolder a class, optionally below `train` and `val` or `test`"
    place = 3

    def read(self, where: str, purpose: Purpose) -> Source:
        """Open the data."""
        from snnconv.data.imagefolder import read_imagefolder

        return read_imagefolder(where, purpose)
