"""The scheme `tonic`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snnconv.data.scheme import SCHEMES, DataScheme, Purpose

if TYPE_CHECKING:
    from snnconv.data.sources import Source

__all__ = ["Tonic"]


@SCHEMES.register("tonic")
class Tonic(DataScheme):
    """Data sets of tonic."""

    form = "tonic:NAME:DIR"
    help = "a data set of tonic"
    recordings = True
    place = 7

    def read(self, where: str, purpose: Purpose) -> Source:
        """Open the data."""
        from snnconv.data.tonicsets import read_tonic

        return read_tonic(where, purpose)
