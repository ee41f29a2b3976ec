"""Height and width of a network's input, given as one number or as two."""

from __future__ import annotations

from typing import TypeAlias

from snnconv.errors import InvalidValueError

__all__ = ["Size", "sides_of"]

Size: TypeAlias = int | tuple[int, int]


def sides_of(size: Size) -> tuple[int, int]:
    """Return height and width of a size: a number stands for both.

    Raises:
        InvalidValueError: It is neither a whole number of at least 1 nor two of them.

    >>> sides_of(32), sides_of((24, 32))
    ((32, 32), (24, 32))
    """
    sides = size if isinstance(size, (tuple, list)) else (size, size)
    if len(sides) != 2 or any(isinstance(side, bool) or not isinstance(side, int) or side < 1 for side in sides):
        raise InvalidValueError(
            f"size is {size!r}: it must be an integer of at least 1, or two of them, (height, width)."
        )
    height, width = sides
    return height, width
