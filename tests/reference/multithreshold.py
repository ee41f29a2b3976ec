"""Spiking neurons one value and one step at a time, in float64, in units of current."""

from __future__ import annotations

import math

import numpy as np


def multithreshold(
    currents: np.ndarray, theta: np.ndarray, levels: int, initial: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """m_t = v_{t-1} + I_t; s_t = clip(floor(m_t/theta), 0, L); v_t = m_t - theta*s_t; v_0 = initial*theta.

    Returns:
        Levels s `[T, ...]` and the last potential v_T.
    """
    theta = np.broadcast_to(theta, currents.shape[1:])
    s = np.empty_like(currents)
    last = np.empty(currents.shape[1:])
    for unit in np.ndindex(currents.shape[1:]):
        v = initial * theta[unit]
        for t in range(len(currents)):
            m = v + currents[(t, *unit)]
            s[(t, *unit)] = min(max(math.floor(m / theta[unit]), 0), levels)
            v = m - theta[unit] * s[(t, *unit)]
        last[unit] = v
    return s, last


def single_threshold(currents: np.ndarray, lam: np.ndarray, levels: int) -> np.ndarray:
    """IF neurons, theta = lam, v_0 = lam/2, each step's current given L times: spikes `[L*T, ...]`."""
    return multithreshold(np.repeat(currents, levels, axis=0), lam, 1)[0]
