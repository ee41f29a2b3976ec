"""QCFS one value at a time, in float64: a = lam * clip(floor(z*N/lam + 1/2)/N, 0, 1), and its gradients.

Signed, the clip begins at -1.
"""

from __future__ import annotations

import math

import numpy as np


def qcfs(z: np.ndarray, lam: np.ndarray, levels: int, signed: bool = False) -> np.ndarray:
    lam = np.broadcast_to(lam, z.shape)
    out = np.empty_like(z)
    for index in np.ndindex(z.shape):
        level = math.floor(z[index] * levels / lam[index] + 0.5)
        out[index] = lam[index] * min(max(level / levels, -1.0 if signed else 0.0), 1.0)
    return out


def gradients(z: np.ndarray, lam: np.ndarray, levels: int, signed: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(da/dz, da/dlam) of each element."""
    wide = np.broadcast_to(lam, z.shape)
    a = qcfs(z, lam, levels, signed)
    to_z, to_lam = np.zeros_like(z), np.zeros_like(z)
    for index in np.ndindex(z.shape):
        half = wide[index] / (2 * levels)
        low, high = (-wide[index] - half if signed else -half), wide[index] - half
        if low < z[index] < high:
            to_z[index] = 1.0
            to_lam[index] = (a[index] - z[index]) / wide[index]
        elif z[index] >= high:
            to_lam[index] = 1.0
        elif signed:
            to_lam[index] = -1.0
    return to_z, to_lam
