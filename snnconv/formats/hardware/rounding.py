r"""Weights, biases and thresholds as integers.

    z_o = sum_i w_oi·δ_i·k_i + b_o   ≈   a_o·(sum_i W_oi·k_i + B_o·2^-f)

Symbols: k_i integers of the input and δ_i what one is worth; W integer weights, |W| <= 2^(bits-1) - 1; a_o what one of
them is worth, for each output channel; f a number of binary digits behind the point, by which the sum is shifted to the
left, so that biases B and thresholds are fine although weights are few: a threshold is at least 2^8 units.

a_o is the largest weight over the largest integer, or less where that leaves a smaller squared error (few bits), but no
less than a 2^-16th of a threshold: finer weights change nothing. Where an input is wider than pixels (pooled sums) a_o
may be smaller by as much, for it multiplies what rounding leaves of a weight.
"""

from __future__ import annotations

import math

import numpy as np

from snnconv.formats.hardware.layers import WIDEST, Array, whole
from snnconv.graph.node import Refusal

__all__ = ["FINE", "FINEST", "USUAL", "balanced_weights", "extent", "ratios_to_common", "rounded_weights", "shift_for"]

FINE = 8  # binary digits that a threshold, or the coarser part of a sum, has at least
FINEST = 16  # and those of a threshold in units of a weight, at most, where the input is no wider than USUAL
USUAL = 256
CLIPPED = np.linspace(0.4, 1.0, 25)  # shares of the largest weight that the largest integer may stand for


def rounded_weights(weight: Array, bits: int, least: Array) -> tuple[Array, Array]:
    """Round weights to integers; returns them and what one is worth.

    Args:
        weight: `[O, ...]`, float64.
        bits: Width of a signed weight, 2 to 16.
        least: Lowest worth of one, `[O]` > 0.

    Returns:
        `[O, ...]` int64 and `[O]` float64.
    """
    most = 2 ** (bits - 1) - 1
    rows = weight.reshape(len(weight), -1)
    largest = np.abs(rows).max(1) / most
    best, error = np.maximum(largest, least), np.full(len(rows), np.inf)
    for share in CLIPPED[::-1]:
        unit = np.maximum(largest * share, least)
        rounded = np.clip(np.rint(rows / unit[:, None]), -most, most)
        lost = ((rows - rounded * unit[:, None]) ** 2).sum(1)
        better = lost < error
        best, error = np.where(better, unit, best), np.where(better, lost, error)
    rounded = np.clip(np.rint(rows / best[:, None]), -most, most)
    return rounded.reshape(weight.shape).astype(np.int64), best


def balanced_weights(weight: Array, rounded: Array, unit: Array, bits: int) -> Array:
    """Return integers whose errors of rounding add up to little: in each kernel, then over each output.

    Values beside each other are alike, and most are not below 0, so that a current moves by what the errors of a kernel
    add up to. Those nearest to a half are rounded to their other side (SQuant, ICLR 2022).

    Args:
        weight: `[O, I, ...]`, float64.
        rounded: Nearest integers, int64 of the same shape.
        unit: Worth of an integer, `[O]`.
        bits: Width of a signed weight.
    """
    most = 2 ** (bits - 1) - 1
    exact = weight.reshape(len(weight), -1) / unit[:, None]
    inside = np.abs(exact) <= most + 0.5  # weights beyond are cut off, and what that loses is not made up for
    for rows in (len(weight) * weight.shape[1], len(weight)):
        integers = rounded.reshape(rows, -1)
        error = np.where(inside.reshape(rows, -1), integers - exact.reshape(rows, -1), 0)
        total = error.sum(1, keepdims=True)
        sign = np.sign(total).astype(np.int64)
        moved = integers - sign
        eligible = (error * sign > 0) & (np.abs(moved) <= most)
        order = np.argsort(np.where(eligible, -error * sign, np.inf), axis=1, kind="stable")
        rank = np.argsort(order, axis=1, kind="stable")
        rounded = np.where(eligible & (rank < np.rint(np.abs(total))), moved, integers)
    return rounded.reshape(weight.shape)


def shift_for(threshold: Array, unit: Array) -> int:
    """Return f: binary digits by which units become finer, so that every threshold has `FINE` of them."""
    digits = math.ceil(FINE - math.log2(float(np.min(threshold / unit))))
    if digits > WIDEST:
        raise Refusal(f"neurons behind it have thresholds so low beside its values that {digits} more bits are needed")
    return max(0, digits)


def extent(weights: Array, low: int, high: int) -> tuple[int, int]:
    """Return the least and the most of sums of weights `[O, ...]` times integers low..high, and of any part of them."""
    rows = weights.reshape(len(weights), -1)
    ends = np.stack([rows * low, rows * high])
    return int(np.minimum(ends.min(0), 0).sum(1).min()), int(np.maximum(ends.max(0), 0).sum(1).max())


def ratios_to_common(units: list[Array], fine: int) -> tuple[list[Array], Array]:
    """Return integer factors that bring integers of several units to one, and that unit.

    Where the units are no multiples of each other the coarsest gets a factor of at least 2^fine, so that it is off by
    2^-(fine+1) of itself at most.

    >>> factors, unit = ratios_to_common([np.array([1.0]), np.array([0.3])], 8)
    >>> [int(factor[0]) for factor in factors], float(unit[0])
    ([427, 128], 0.00234375)
    """
    smallest = np.minimum.reduce(np.broadcast_arrays(*units))
    ratios = [unit / smallest for unit in units]
    exact = np.logical_and.reduce([np.abs(ratio - np.rint(ratio)) <= 1e-9 * ratio for ratio in ratios])
    largest = np.maximum.reduce(ratios)
    finer = np.where(exact, 0, np.maximum(0, np.ceil(fine - np.log2(largest))))
    common = smallest / 2.0**finer
    return [whole(unit / common) for unit in units], common
