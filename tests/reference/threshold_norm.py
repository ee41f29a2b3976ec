"""tdBN channel by channel: batch-norm over time and batch together, scaled by the threshold (METHODS.md, section 6)."""

from __future__ import annotations

import math

import numpy as np


def threshold_batch_norm(x: np.ndarray, threshold: float, eps: float) -> np.ndarray:
    """`[T, B, C, ...]` to the same, gamma = 1, beta = 0."""
    out = np.empty_like(x)
    for channel in range(x.shape[2]):
        values = x[:, :, channel]
        mean = sum(values.flat) / values.size
        variance = sum((each - mean) ** 2 for each in values.flat) / values.size
        out[:, :, channel] = threshold * (values - mean) / math.sqrt(variance + eps)
    return out
