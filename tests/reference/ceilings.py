"""Ceilings of one channel from its values themselves, written from the formulas, slowly."""

from __future__ import annotations

import math

import numpy as np


def maximum(values: np.ndarray, levels: int) -> float:
    """The largest value."""
    return max(float(value) for value in values)


def percentile(values: np.ndarray, levels: int, share: float = 99.9) -> float:
    """The smallest active value that `share` percent of the active ones do not exceed."""
    active = sorted(float(value) for value in values if value > 0)
    return active[max(math.ceil(len(active) * share / 100), 1) - 1]


def balance_residual(values: np.ndarray, levels: int, ceiling: float) -> float:
    """E[z - λ; z > λ] - λ/(12 N²) P(0 < z <= λ), of the active values."""
    active = [float(value) for value in values if value > 0]
    clipped = sum(value - ceiling for value in active if value > ceiling) / len(active)
    within = sum(value <= ceiling for value in active) / len(active)
    return clipped - ceiling / (12 * levels**2) * within


def shrunken_shift(differences: np.ndarray) -> float:
    """d·max(0, 1 - se²/d²) of the differences of one channel in G groups."""
    groups = len(differences)
    mean = sum(differences) / groups
    variance = sum((difference - mean) ** 2 for difference in differences) / (groups - 1) / groups
    return mean * max(0.0, 1 - variance / mean**2) if mean else 0.0
