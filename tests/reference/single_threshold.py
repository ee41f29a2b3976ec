"""IF neurons that stand for M-HT and LM-HT ones, one value and one sub-step at a time (METHODS.md, sections 1 and 3).

L sub-steps a step, theta = lam, v_0 = initial*lam, fires at >=. Every entry of omega is spread over an L x L block and
divided by L, so that each sub-step of window t receives sum_j omega_tj * (mean of the L sub-steps of window j). The
leak acts between windows only, on the first sub-step of each.
"""

from __future__ import annotations

import numpy as np


def spread(omega: np.ndarray, levels: int) -> np.ndarray:
    """`[T, T]` to `[L*T, L*T]`."""
    wide = np.empty((levels * len(omega),) * 2)
    for row in range(len(wide)):
        for column in range(len(wide)):
            wide[row, column] = omega[row // levels, column // levels] / levels
    return wide


def single_threshold(
    x: np.ndarray, lam: np.ndarray, levels: int, omega: np.ndarray, *, leak: float = 1.0, initial: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """Run the neurons.

    Args:
        x: input currents of every sub-step, `[L*T, ...]`.
        lam: ceiling.
        levels: L.
        omega: coupling of the steps, `[T, T]`.
        leak: share of the potential that is left after a window.
        initial: v_0 in units of lam.

    Returns:
        Spikes `[L*T, ...]`, and the potential after the leak at the beginning of each window `[T, ...]`.
    """
    lam = np.broadcast_to(lam, x.shape[1:])
    wide = spread(omega, levels)
    spikes, begins = np.zeros_like(x), np.empty((len(omega), *x.shape[1:]))
    for unit in np.ndindex(x.shape[1:]):
        v = initial * lam[unit]
        for sub in range(len(x)):
            if sub % levels == 0:
                v *= leak
                begins[(sub // levels, *unit)] = v
            v += sum(wide[sub, j] * x[(j, *unit)] for j in range(len(x)))
            if v >= lam[unit]:
                spikes[(sub, *unit)] = 1.0
                v -= lam[unit]
    return spikes, begins
