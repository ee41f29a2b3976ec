"""A chain of linear operators and multi-threshold neurons, simulated step by step in float64, layer by layer in a step.

Every layer keeps its own potential and sees at step t only what the layer before it fired at step t.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """`[B, I]` to `[B, O]`; of `[B, I, H, W]`, a convolution with 1 x 1 kernels."""
    out = np.tensordot(x, weight.reshape(len(weight), -1), axes=([1], [1]))
    out = np.moveaxis(out, -1, 1)
    return out + bias.reshape(-1, *(1,) * (out.ndim - 2))


def simulate(
    x: np.ndarray,
    layers: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
    read_out: tuple[np.ndarray, np.ndarray],
    timesteps: int,
    levels: int,
) -> np.ndarray:
    """Run a network of `layers` (weight, bias, ceiling per channel) and a linear read-out on an analog input.

    Returns:
        What the read-out computes at every step, `[T, B, ...]`.
    """
    potentials: list[np.ndarray | None] = [None] * len(layers)
    steps = []
    for _ in range(timesteps):
        signal = x.astype(np.float64)
        for index, (weight, bias, ceiling) in enumerate(layers):
            current = linear(signal, weight.astype(np.float64), bias.astype(np.float64))
            theta = (ceiling.astype(np.float64) / levels).reshape(-1, *(1,) * (current.ndim - 2))
            before = potentials[index]
            membrane = (theta / 2 if before is None else before) + current
            fired = np.minimum(np.maximum(np.floor(membrane / theta), 0), levels)
            potentials[index] = membrane - theta * fired
            signal = theta * fired
        steps.append(linear(signal, *(each.astype(np.float64) for each in read_out)))
    return np.stack(steps)
