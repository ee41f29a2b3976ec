"""Learning rates step by step, steps counted from 0."""

from __future__ import annotations

import math


def warming(step: int, lr: float, warmup: int) -> float:
    """From a hundredth of the rate in a straight line, `warmup` steps long."""
    return lr * (0.01 + 0.99 * step / warmup)


def cosine(step: int, lr: float, steps: int, warmup: int = 0) -> float:
    """From the highest rate, where the warm-up ends, down to 0 over the steps that are left."""
    if step < warmup:
        return warming(step, lr, warmup)
    return lr * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2


def stairs(step: int, lr: float, every: int, rate: float, warmup: int = 0) -> float:
    """Multiplied by `rate` after every so many steps."""
    if step < warmup:
        return warming(step, lr, warmup)
    return lr * rate ** (step // every)


def line(step: int, lr: float, steps: int, warmup: int = 0) -> float:
    """From the highest rate, where the warm-up ends, in a straight line down to 0 after the steps that are left."""
    if step < warmup:
        return warming(step, lr, warmup)
    return lr * (steps - step) / (steps - warmup)
