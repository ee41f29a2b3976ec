"""M-HT and LM-HT neurons one value and one step at a time, in float64, in units of current (METHODS.md, section 3)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Trace(NamedTuple):
    """What neurons did: potentials m before firing and levels s, both `[T, ...]`, and v_0..v_T `[T+1, ...]`."""

    m: np.ndarray
    s: np.ndarray
    v: np.ndarray


def trace(
    received: np.ndarray, theta: np.ndarray, levels: int, initial: float = 0.5, leak: float = 1.0, lowest: int = 0
) -> Trace:
    """m_t = leak*v_{t-1} + I_t; s_t = clip(floor(m_t/theta), lowest, L); v_t = m_t - theta*s_t; v_0 = initial*theta."""
    theta = np.broadcast_to(theta, received.shape[1:])
    m, s = np.empty_like(received), np.empty_like(received)
    v = np.empty((len(received) + 1, *received.shape[1:]))
    for unit in np.ndindex(received.shape[1:]):
        v[(0, *unit)] = initial * theta[unit]
        for t in range(len(received)):
            at = (t, *unit)
            m[at] = leak * v[at] + received[at]
            s[at] = min(max(math.floor(m[at] / theta[unit]), lowest), levels)
            v[(t + 1, *unit)] = m[at] - theta[unit] * s[at]
    return Trace(m, s, v)


def multithreshold(
    currents: np.ndarray, theta: np.ndarray, levels: int, initial: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """Levels s `[T, ...]` and the last potential v_T of neurons without a leak."""
    found = trace(currents, theta, levels, initial)
    return found.s, found.v[-1]


def couple(x: np.ndarray, omega: np.ndarray) -> np.ndarray:
    """I_t = sum_j omega_tj x_j."""
    received = np.zeros_like(x)
    for t in range(len(omega)):
        for j in range(len(x)):
            received[t] += omega[t, j] * x[j]
    return received


def coupling_matrix(a: np.ndarray) -> np.ndarray:
    """omega = 2*sigmoid(A)/T."""
    return np.array([[2 / (1 + math.exp(-each)) / len(a) for each in row] for row in a])


def leak_factor(a: float) -> float:
    """leak = sigmoid(a) + 0.5."""
    return 1 / (1 + math.exp(-a)) + 0.5


class Gradients(NamedTuple):
    """dL/dx `[T, ...]`, dL/dtheta of each unit `[...]`, dL/domega `[T, T]`, dL/dleak."""

    x: np.ndarray
    theta: np.ndarray
    omega: np.ndarray
    leak: float


def gradients(
    x: np.ndarray,
    theta: np.ndarray,
    levels: int,
    upstream: np.ndarray,
    *,
    omega: np.ndarray,
    initial: float = 0.5,
    leak: float = 1.0,
    stretch: Callable[[float], float] = lambda _: 1.0,
    lowest: int = 0,
) -> Gradients:
    """Backward of theta*s_t as METHODS.md states it, the path through v_{t-1} detached.

    dL/dm_t = upstream_t where (lowest + 1/2)*theta <= m_t <= (L + 1/2)*theta, else 0; dL/domega_tj = dL/dm_t*x_j summed
    over the units; dL/dleak = sum_t dL/dm_t*v_{t-1}. The threshold: d(theta*s)/dtheta = s + theta*ds/dtheta, where
    m/theta depends on theta by I/theta alone, v/theta being held.

    Args:
        x: input currents `[T, ...]`.
        theta: broadcastable to `x[0]`.
        levels: L.
        upstream: dL/d(theta*s), `[T, ...]`.
        omega: coupling.
        initial: v_0 in units of theta.
        leak: of the potential.
        stretch: slope of what rectifies u = m/theta - 1/2 before it fires.
        lowest: level.
    """
    theta = np.broadcast_to(theta, x.shape[1:])
    received = couple(x, omega)
    m, s, v = trace(received, theta, levels, initial, leak, lowest)
    to_m, to_theta, to_leak = np.zeros_like(m), np.zeros(theta.shape), 0.0
    for at in np.ndindex(m.shape):
        t, unit = at[0], at[1:]
        if (lowest + 0.5) * theta[unit] <= m[at] <= (levels + 0.5) * theta[unit]:
            to_m[at] = upstream[at] * stretch(m[at] / theta[unit] - 0.5)
        to_theta[unit] += upstream[at] * s[at] - to_m[at] * received[at] / theta[unit]
        to_leak += to_m[at] * v[(t, *unit)]
    to_omega = np.array([[(to_m[t] * x[j]).sum() for j in range(len(x))] for t in range(len(x))])
    return Gradients(couple(to_m, omega.T), to_theta, to_omega, to_leak)
