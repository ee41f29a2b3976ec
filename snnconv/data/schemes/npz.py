"""The scheme `npz`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snnconv.data.scheme import SCHEMES, DataScheme, Purpose

if TYPE_CHECKING:
    from snnconv.data.sources import Source
    from snnconv.inputspec import InputSpec

__all__ = ["Arrays"]


@SCHEMES.register("npz")
class Arrays(DataScheme):
    """Arrays in `.npz` files."""

    form = "npz:FILE[,FILE...]"
    help = "`x`, or arrays that are named as the network's inputs, and `y` for labels"
    named_arrays = True
    place = 5

    def read(self, where: str, purpose: Purpose) -> Source:
        """Open the data."""
        from snnconv.data.npz import read_images

        return read_images(where, purpose)

    def read_for(self, where: str, purpose: Purpose, taken: InputSpec) -> Source:
        """Open the data for a network of images, of named inputs, or of a flat input."""
        from snnconv.data.npz import read_images, read_rows

        if taken.layout == "NC":
            return read_rows(where, purpose, taken)
        return read_images(where, purpose, taken)
