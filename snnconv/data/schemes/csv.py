"""The scheme `csv`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snnconv.data.scheme import SCHEMES, DataScheme, Purpose

if TYPE_CHECKING:
    from snnconv.data.sources import Source

__all__ = ["ImageTable"]


@SCHEMES.register("csv")
class ImageTable(DataScheme):
    """Image files that a table lists."""

    form = "csv:FILE"
    help = "columns `file` and, for labels, `index`"
    place = 4

    def read(self, where: str, purpose: Purpose) -> Source:
        """Open the data."""
        from snnconv.data.imagelist import read_csv

        return read_csv(where, purpose)
