"""Smooth steps from 0 to 1 and their slopes, one value at a time, from the papers that surrogate.py names.

Rectangular is METHODS.md's as well: the gradient of clamp(u, 0, 1) at d = u - 1/2 (section 4), 1/a on |d| < a/2
(section 6).
"""

from __future__ import annotations

import math
from collections.abc import Callable


def rectangular(d: float, w: float) -> float:
    return min(max(d / w + 0.5, 0.0), 1.0)


def triangular(d: float, w: float) -> float:
    if abs(d) >= w:
        return float(d > 0)
    left = (w + min(d, 0.0)) ** 2 / (2 * w**2)  # area under the rising side
    return left if d <= 0 else 1 - (w - d) ** 2 / (2 * w**2)


def tanh(d: float, k: float) -> float:
    if abs(d) > 0.5:
        return float(d > 0)
    return math.tanh(k * d) / (2 * math.tanh(k / 2)) + 0.5


def arctan(d: float, a: float) -> float:
    return math.atan(math.pi / 2 * a * d) / math.pi + 0.5


def sigmoid(d: float, a: float) -> float:
    return 1 / (1 + math.exp(-a * d))


STEPS: dict[str, Callable[[float, float], float]] = {
    "rectangular": rectangular,
    "triangular": triangular,
    "tanh": tanh,
    "arctan": arctan,
    "sigmoid": sigmoid,
}


def rectangular_slope(d: float, w: float = 1.0) -> float:
    return 1 / w if -w / 2 <= d < w / 2 else 0.0


def sigmoid_slope(d: float, a: float) -> float:
    return a * sigmoid(d, a) * (1 - sigmoid(d, a))
