"""IF and LIF neurons one value and one step at a time, in float64, in units of theta (METHODS.md, sections 4 and 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from reference.rectifier import phi


class Trace(NamedTuple):
    """Potentials u before firing and levels s, both `[T, ...]`."""

    u: np.ndarray
    s: np.ndarray


def trace(x: np.ndarray, theta: np.ndarray, levels: int, decay: float, reset: str) -> Trace:
    """u_t = decay*r + x_t/theta; s_t counts the k in 1..L with u_t > k - 1/2; r = u - s, or (hard) 0 after a spike."""
    theta = np.broadcast_to(theta, x.shape[1:])
    u, s = np.empty_like(x), np.empty_like(x)
    for unit in np.ndindex(x.shape[1:]):
        r = 0.0
        for t in range(len(x)):
            at = (t, *unit)
            u[at] = decay * r + x[at] / theta[unit]
            s[at] = sum(u[at] > k - 0.5 for k in range(1, levels + 1))
            r = u[at] - s[at]
            if reset == "hard":
                r = 0.0 if s[at] else u[at]
    return Trace(u, s)


def unit_spikes(x: np.ndarray, decay: float, reset: str) -> np.ndarray:
    """Section 4 to the letter, theta = 1: m = decay*v + I; s = 1[phi(m) > 0.5]; v = m - s, or m*(1 - s)."""
    s = np.empty_like(x)
    for unit in np.ndindex(x.shape[1:]):
        v = 0.0
        for t in range(len(x)):
            m = decay * v + x[(t, *unit)]
            fired = 1.0 if phi(m) > 0.5 else 0.0
            v = m - fired if reset == "soft" else m * (1 - fired)
            s[(t, *unit)] = fired
    return s


def gradients(
    x: np.ndarray,
    theta: np.ndarray,
    levels: int,
    upstream: np.ndarray,
    *,
    decay: float,
    reset: str,
    slope: Callable[[float], float],
) -> tuple[np.ndarray, np.ndarray]:
    """Backward of theta*s_t through time and through the reset, from the last step to the first.

    The hard reset is u*(1 - min(s, 1)): its slope to s is -u up to the first level, 0 above.

    Args:
        x: input currents `[T, ...]`.
        theta: broadcastable to `x[0]`.
        levels: L.
        upstream: dL/d(theta*s), `[T, ...]`.
        decay: of the potential.
        reset: soft or hard.
        slope: ds/du at u.

    Returns:
        dL/dx `[T, ...]` and dL/dtheta of each unit `[...]`.
    """
    theta = np.broadcast_to(theta, x.shape[1:])
    u, s = trace(x, theta, levels, decay, reset)
    to_x, to_theta = np.empty_like(x), np.zeros(theta.shape)
    for unit in np.ndindex(theta.shape):
        to_r = 0.0
        for t in reversed(range(len(x))):
            at = (t, *unit)
            to_s = upstream[at] * theta[unit]
            if reset == "soft":
                to_s -= to_r
                to_u = to_r
            else:
                to_s -= to_r * u[at] if s[at] <= 1 else 0.0
                to_u = to_r if s[at] == 0 else 0.0
            to_u += to_s * slope(u[at])
            to_x[at] = to_u / theta[unit]
            to_theta[unit] += upstream[at] * s[at] - to_u * x[at] / theta[unit] ** 2
            to_r = decay * to_u
    return to_x, to_theta
