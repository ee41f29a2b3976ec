"""Standard errors of shares of images, and of their differences."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["standard_error", "standard_error_of_difference"]


def standard_error(percent: float, images: int) -> float:
    """Return the binomial standard error of a share in percent, in percentage points.

    >>> standard_error(90.0, 100)
    3.0
    """
    share = percent / 100
    return 100 * math.sqrt(share * (1 - share) / images)


def standard_error_of_difference(one: Sequence[bool], other: Sequence[bool]) -> float:
    """Return the standard error of the difference of two shares of the same images, paired, in percentage points.

    Args:
        one: Hits of the first share, one an image.
        other: Hits of the second share, in the same order.

    Source: McNemar's test, whose variance is (b + c - (b - c)²/n)/n², b and c the images that are a hit of one alone.

    >>> round(standard_error_of_difference([True, True, False, False], [True, False, True, False]), 2)
    35.36
    """
    only_one = sum(a and not b for a, b in zip(one, other, strict=True))
    only_other = sum(b and not a for a, b in zip(one, other, strict=True))
    images = len(one)
    return 100 * math.sqrt(only_one + only_other - (only_one - only_other) ** 2 / images) / images
