"""MLF neurons one value and one step at a time, in float64, in units of theta (METHODS.md, section 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

FIRST = 0.6


class Trace(NamedTuple):
    """Potentials u of each membrane before firing and spikes o, both `[K, T, ...]`, and their sum s `[T, ...]`."""

    u: np.ndarray
    o: np.ndarray
    s: np.ndarray


def trace(x: np.ndarray, theta: np.ndarray, membranes: int, decay: float) -> Trace:
    """u_k,t = tau*u_k,t-1*(1 - o_k,t-1) + x_t; o_k,t = 1[u_k,t > th_k], th = 0.6, 1.6, ...; s_t = sum_k o_k,t."""
    theta = np.broadcast_to(theta, x.shape[1:])
    u, o = np.empty((membranes, *x.shape)), np.empty((membranes, *x.shape))
    for unit in np.ndindex(x.shape[1:]):
        for k in range(membranes):
            before, fired = 0.0, 0.0
            for t in range(len(x)):
                before = decay * before * (1 - fired) + x[(t, *unit)] / theta[unit]
                fired = 1.0 if before > FIRST + k else 0.0
                u[(k, t, *unit)], o[(k, t, *unit)] = before, fired
    return Trace(u, o, o.sum(0))


def gradients(
    x: np.ndarray,
    theta: np.ndarray,
    membranes: int,
    upstream: np.ndarray,
    *,
    decay: float,
    slope: Callable[[float], float],
) -> tuple[np.ndarray, np.ndarray]:
    """Backward of theta*s_t through time and through the reset, whose (1 - o) is not detached.

    Args:
        x: input currents `[T, ...]`.
        theta: broadcastable to `x[0]`.
        membranes: K.
        upstream: dL/d(theta*s), `[T, ...]`.
        decay: of the potentials.
        slope: do/du at the distance u - th.

    Returns:
        dL/dx `[T, ...]` and dL/dtheta of each unit `[...]`.
    """
    theta = np.broadcast_to(theta, x.shape[1:])
    u, o, s = trace(x, theta, membranes, decay)
    to_x, to_theta = np.zeros_like(x), (upstream * s).sum(0)
    for unit in np.ndindex(theta.shape):
        for k in range(membranes):
            to_next = 0.0  # dL/du of the step after
            for t in reversed(range(len(x))):
                at = (k, t, *unit)
                to_o = upstream[(t, *unit)] * theta[unit] - to_next * decay * u[at]
                to_u = to_next * decay * (1 - o[at]) + to_o * slope(u[at] - (FIRST + k))
                to_x[(t, *unit)] += to_u / theta[unit]
                to_theta[unit] -= to_u * x[(t, *unit)] / theta[unit] ** 2
                to_next = to_u
    return to_x, to_theta
