"""The scheme `digits`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snnconv.data.scheme import SCHEMES, DataScheme, Purpose

if TYPE_CHECKING:
    from snnconv.data.sources import Source

__all__ = ["Digits"]


@SCHEMES.register("digits")
class Digits(DataScheme):
    """scikit-learn's digits."""

    form = "digits"
    help = "scikit-learn's embedded digits, 8 x 8 grey, 10 classes"
    place = 0

    def read(self, where: str, purpose: Purpose) -> Source:
        """Open the data."""
        from snnconv.data.arrays import read_digits

        return read_digits(where, purpose)
