"""Sigma-delta neurons one unit and one step at a time, in float64 and message by message (METHODS.md, section 9).

A neuron adds up the messages that reach it, and sends one message of its own a step: the power of two nearest to what
its readers lack, in units of theta.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Code(NamedTuple):
    """Choices of a layer: K octaves, the least that is told in units of the smallest message, and whether signed."""

    octaves: int
    dead_zone: float = 0.75
    signed: bool = False


def message(lacking: float, told: float, code: Code) -> float:
    """One message, in units of theta: level k for 0.75*2^-k <= |lacking| < 1.5*2^-k, none below the dead zone.

    Unsigned, a message takes back no more than was told.
    """
    smallest = 2.0 ** (1 - code.octaves)
    if abs(lacking) < code.dead_zone * smallest:
        return 0.0
    size = smallest
    for k in range(code.octaves):
        if abs(lacking) >= 0.75 * 2.0**-k:
            size = 2.0**-k
            break
    while not code.signed and lacking < 0 and size > told:
        size /= 2
    return math.copysign(size, lacking)


def run(
    arriving: np.ndarray, theta: np.ndarray, code: Code, *, cap: np.ndarray | float = np.inf, initial: float = 0.0
) -> np.ndarray:
    """Messages of all steps in units of theta, `[T, ...]`, of the messages that arrive, `[T, ...]`."""
    theta, cap = (np.broadcast_to(x, arriving.shape[1:]) for x in (theta, cap))
    sent = np.zeros_like(arriving)
    for unit in np.ndindex(arriving.shape[1:]):
        value, told = 0.0, initial
        for t in range(len(arriving)):
            value += arriving[(t, *unit)]
            target = min(max(value, -cap[unit] if code.signed else 0.0), cap[unit])
            sent[(t, *unit)] = message(target / theta[unit] - told, told, code)
            told += sent[(t, *unit)]
    return sent


def smooth(
    values: Tensor, theta: Tensor, sent: np.ndarray, code: Code, *, cap: Tensor | float = math.inf, initial: float = 0.0
) -> Tensor:
    """What was told until each step, `[T, ...]`, whose gradient autograd finds of the smooth function that is stated.

    S_t = S_{t-1} + clip(u_t, -1, 1) with u_t = f(z_t)/theta - S_{t-1}, evaluated where the neuron really was: S is
    the sum of what was sent.
    """
    highest = torch.as_tensor(cap, dtype=values.dtype)
    lowest = -highest if code.signed else torch.zeros_like(highest)
    known, steps = torch.full_like(values[0], initial), []
    for value, message_ in zip(values, torch.tensor(sent), strict=True):
        target = torch.minimum(torch.maximum(value, lowest), highest) / theta
        lacking = (target - known).detach()
        known = at(torch.where(lacking.abs() <= 1, target, known + lacking.sign()), known.detach() + message_)
        steps.append(theta * known)
    return torch.stack(steps)


def at(smooth_value: Tensor, value: Tensor) -> Tensor:
    """The second value, with the gradient of the first."""
    return smooth_value + (value - smooth_value).detach()
