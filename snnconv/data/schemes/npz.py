"""The scheme `npz`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snnconv.data.scheme import SCHEMES, DataScheme, Purpose

if TYPE_CHECKING:
    from snnconv.data.sources import Source

__all__ = ["Arrays"]


@SCHEMES.register("npz")
class Arrays(DataScheme):
    """Arrays in `.npz` files."""

    form = "npz:FILE[,FILE...]"
    help = "`x`, and `y` for labels"
    place = 5

    def read(self, where: str, purpose: Purpose) -> Source:
        """Open the data."""
        from snnconv.data.arrays import read_npz

        return read_npz(where, purpose)
