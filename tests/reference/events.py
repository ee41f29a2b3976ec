"""Frames of an event camera, one event at a time, with exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np


def frames(events: list[tuple[int, int, int]], times: list[int], timesteps: int, height: int, width: int) -> np.ndarray:
    """Slice k holds the times from t_0 + k·d up to, but not at, t_0 + (k + 1)·d, d = (t_1 - t_0)/T; the last t_1 too.

    Events are (column, row, polarity). Returns counts `[T, 2, height, width]`.
    """
    counts = np.zeros((timesteps, 2, height, width))
    if not times:
        return counts
    start, end = min(times), max(times)
    length = Fraction(end - start, timesteps)
    for (column, row, polarity), time in zip(events, times, strict=True):
        found = 0
        for k in range(1, timesteps):
            if end > start and time >= start + k * length:
                found = k
        counts[found, polarity, row, column] += 1
    return counts
