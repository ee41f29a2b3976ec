"""MPR's phi one value at a time (METHODS.md, section 4), its slope, and both for several levels (section 5)."""

from __future__ import annotations

import math


def phi(u: float) -> float:
    if u < 0:
        return 1 - (1 - u) ** (1 / 3)
    if u <= 1:
        return math.tanh(3 * (u - 1 / 2)) / (2 * math.tanh(3 / 2)) + 1 / 2
    return u ** (1 / 3)


def slope(u: float) -> float:
    if u < 0:
        return (1 - u) ** (-2 / 3) / 3
    if u <= 1:
        return 3 * (1 - math.tanh(3 * (u - 1 / 2)) ** 2) / (2 * math.tanh(3 / 2))
    return u ** (-2 / 3) / 3


def interval(u: float, levels: int, lowest: int = 0) -> int:
    """Which of the unit intervals lowest..lowest+1, ..., L-1..L holds u; the first and the last reach on for ever."""
    return min(max(math.floor(u), lowest), levels - 1)


def phi_of_levels(u: float, levels: int, lowest: int = 0) -> float:
    """The same phi in each unit interval."""
    return interval(u, levels, lowest) + phi(u - interval(u, levels, lowest))


def slope_of_levels(u: float, levels: int, lowest: int = 0) -> float:
    return slope(u - interval(u, levels, lowest))
