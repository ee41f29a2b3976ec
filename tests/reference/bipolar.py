"""Bipolar M-HT neurons one unit and one step at a time, in float64 (METHODS.md, section 9, code 2)."""

from __future__ import annotations

import math

import numpy as np
import torch
from reference.sigma_delta import at
from torch import Tensor


def run(currents: np.ndarray, theta: np.ndarray, levels: int, total: int, signed: bool = False) -> np.ndarray:
    """Levels s `[T, ...]` of currents `[T, ...]`: k_t = clip(floor(1/2 + sum I/theta), 0, N), s_t fills up to it."""
    theta = np.broadcast_to(theta, currents.shape[1:])
    fired = np.zeros_like(currents)
    for unit in np.ndindex(currents.shape[1:]):
        received, told = 0.0, 0
        for t in range(len(currents)):
            received += currents[(t, *unit)]
            k = min(max(math.floor(0.5 + received / theta[unit]), -total if signed else 0), total)
            fired[(t, *unit)] = s = min(max(k - told, -levels), levels)
            told += s
    return fired


def smooth(means: Tensor, theta: Tensor, fired: np.ndarray, levels: int, total: int, signed: bool = False) -> Tensor:
    """Mean of what was told until each step, `[T, ...]`, with the gradient of the smooth function that is stated.

    S_t = S_{t-1} + clip(clip(t*x_t/theta, 0, N) - S_{t-1}, -L, L), evaluated where the neuron really was.
    """
    known, steps = torch.zeros_like(theta), []
    for t, (mean, level) in enumerate(zip(means, torch.tensor(fired), strict=True), 1):
        target = (t * mean / theta).clamp(-total if signed else 0, total)
        lacking = (target - known).detach()
        inside = lacking.abs() <= levels
        known = at(torch.where(inside, target, known + levels * lacking.sign()), known.detach() + level)
        steps.append(theta * known / t)
    return torch.stack(steps)
