"""Surrogate slopes and the membrane potential rectifier, in Triton: the formulas of surrogate.py and rectifier.py."""

from __future__ import annotations

import math

import triton
import triton.language as tl

__all__ = ["levels_of", "rectified_slopes", "slopes"]

SHARPNESS = tl.constexpr(3.0)
SCALE = tl.constexpr(1 / (2 * math.tanh(1.5)))  # of φ between 0 and 1


@triton.jit
def _tanh(x):
    small = tl.exp(-2 * tl.abs(x))
    size = (1 - small) / (1 + small)
    return tl.where(x < 0, -size, size)


@triton.jit
def _bounded(x, lowest, highest):
    """Clip, and keep NaN."""
    above = tl.maximum(x, lowest, propagate_nan=tl.PropagateNan.ALL)
    return tl.minimum(above, highest, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def levels_of(u, LOWEST: tl.constexpr, HIGHEST: tl.constexpr):
    """Round down, within the levels."""
    return _bounded(tl.floor(u), LOWEST * 1.0, HIGHEST * 1.0)


@triton.jit
def _slope(d, shape, KIND: tl.constexpr):
    """Return σ'(d)."""
    if KIND == "rectangular":
        slope = tl.where((d >= -shape / 2) & (d < shape / 2), 1 / shape, 0.0)
    elif KIND == "triangular":
        slope = tl.maximum(1 - tl.abs(d) / shape, 0.0) / shape
    elif KIND == "tanh":
        tanh = _tanh(shape * d)
        slope = tl.where(tl.abs(d) <= 0.5, (1 - tanh * tanh) * (shape / (2 * _tanh(shape / 2))), 0.0)
    elif KIND == "arctan":
        scaled = 1.5707963267948966 * shape * d
        slope = shape / 2 / (1 + scaled * scaled)
    else:
        sigma = (1 + _tanh(shape / 2 * d)) / 2
        slope = shape * sigma * (1 - sigma)
    return slope


@triton.jit
def slopes(u, shape, KIND: tl.constexpr, LOWEST: tl.constexpr, HIGHEST: tl.constexpr):
    """Sum the slopes at the distances to every level; of "window" (rectangular:1) 1 within all of them."""
    if KIND == "window":
        total = tl.where((u >= LOWEST) & (u < HIGHEST), 1.0, 0.0)
    else:
        total = _slope(u - 0.5, shape, KIND)
        for level in range(2, HIGHEST + 1):
            total += _slope(u - (level - 0.5), shape, KIND)
    return total


@triton.jit
def _root(x, power):
    """Return x^power of x > 0."""
    return tl.exp2(power * tl.log2(x))


@triton.jit
def rectified_slopes(u, shape, KIND: tl.constexpr, LOWEST: tl.constexpr, HIGHEST: tl.constexpr):
    """Return the slopes at φ_L(u), times φ_L'(u)."""
    interval = levels_of(u, LOWEST, HIGHEST - 1)
    x = u - interval
    tanh = _tanh((x - 0.5) * SHARPNESS)
    inner = (1 - tanh * tanh) * (SHARPNESS * SCALE)
    if KIND == "window":  # its window is 0 <= φ < L, which is 0 <= u < L
        slope = slopes(u, shape, KIND, LOWEST, HIGHEST) * inner
    else:
        outside = tl.where(x < 0, 1 - x, tl.where(x > 1, x, 1.0))
        root = _root(outside, 1 / 3)
        middle = tanh * SCALE + 0.5
        phi = interval + tl.where(x < 0, 1 - root, tl.where(x > 1, root, middle))
        outer = tl.where((x < 0) | (x > 1), _root(outside, -2 / 3) / 3, inner)
        slope = slopes(phi, shape, KIND, LOWEST, HIGHEST) * outer
    return slope
