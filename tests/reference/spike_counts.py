"""Spikes counted one by one (METHODS.md, section 8): unary, power-of-two and graded."""

from __future__ import annotations

import numpy as np


def of_levels(levels):
    """The three counts of levels `[T, ...]`: k of a level k, the ones in its binary digits, and 1."""
    counts = np.zeros((3, *np.shape(levels)[1:]), int)
    for step in np.asarray(levels):
        for place, level in np.ndenumerate(step):
            digits = bin(abs(int(level)))[2:]
            counts[(0, *place)] += abs(int(level))
            counts[(1, *place)] += digits.count("1")
            counts[(2, *place)] += digits != "0"
    return counts


def of_messages(exponents, octaves):
    """The three counts of messages of 2^-k, k `[T, ...]`, None of none: units of the smallest, 2^-(K-1), 1 and 1."""
    shape = np.shape(exponents)[1:]
    counts = np.zeros((3, *shape), int)
    for step in exponents:
        for place in np.ndindex(*shape):
            exponent = np.asarray(step, dtype=object)[place]
            if exponent is not None:
                counts[(slice(None), *place)] += (2 ** (octaves - 1) // 2**exponent, 1, 1)
    return counts
