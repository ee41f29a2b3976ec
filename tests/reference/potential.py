"""RMP-Loss one value at a time: the loss, its gradient, and its weight over the epochs (METHODS.md, section 5)."""

from __future__ import annotations

import numpy as np
from reference.penalty import penalty


def paper(u: float) -> float:
    """min(|u|, |1 - u|)^2."""
    return min(abs(u), abs(1 - u)) ** 2


def potential_loss(u: np.ndarray, levels: int, lowest: int = 0) -> float:
    return sum(penalty(each, levels, lowest) for each in u.flat) / u.size


def gradient(u: np.ndarray, levels: int, lowest: int = 0) -> np.ndarray:
    """2*(u - nearest level)/n."""
    out = np.empty_like(u)
    for index in np.ndindex(u.shape):
        nearest = min(range(lowest, levels + 1), key=lambda k, value=u[index]: abs(value - k))
        out[index] = 2 * (u[index] - nearest) / u.size
    return out


def weight(epoch: int, epochs: int, peak: float) -> float:
    """A triangle over the epochs, 0 at the beginning of the first and the end of the last, at the epoch's middle."""
    return float(np.interp(epoch - 0.5, [0, epochs / 2, epochs], [0, peak, 0]))
