"""The operators of a hardware folder's layers, in numpy and in integers.

Every function takes and returns int64. Sums of products run as matrix products of floats, which is exact, in whatever
order a machine adds: no sum, nor any part of one, is beyond 2^24 (float32) or 2^53 (float64), and that is checked
before each of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from snnconv.errors import FileError

__all__ = [
    "Limits",
    "affine",
    "convolve",
    "fire",
    "fire_back",
    "max_pool",
    "message",
    "multiply",
    "spread",
    "sum_pool",
]

Array = NDArray[Any]
EXACT = ((2**24, np.dtype(np.float32)), (2**53, np.dtype(np.float64)))  # up to where each holds every integer
DECAY_BITS = 12


def spread(values: Array, axis: int | None, rank: int) -> Array:
    """Return `[C]` along an axis of a sample of this rank; what has no axis as it is."""
    if axis is None:
        return values
    shaped: Array = values.reshape(-1, *(1,) * (rank - 1 - axis))
    return shaped


def multiply(x: Array, weights: Array) -> Array:
    """Multiply `[..., I]` by `[G, O, I]`, G the axis before the last two of x or 1, to `[..., O]`.

    Raises:
        FileError: sums could be beyond what floats hold exactly.
    """
    kind = _exact(x, weights.reshape(-1, weights.shape[-1]))
    product: Array = np.matmul(x.astype(kind, copy=False), weights.astype(kind).swapaxes(-1, -2))
    return product.astype(np.int64)


def _exact(x: Array, weights: Array) -> np.dtype[Any]:
    """Return the floats that hold every sum of x times weights `[O, I]`, and every part of one."""
    most = int(np.abs(x).max(initial=0)) * int(np.abs(weights).sum(1).max(initial=0))
    for limit, kind in EXACT:
        if most < limit:
            return kind
    raise FileError(f"Sums of up to {most} are beyond 2^53, where the reference would round.")


def _windows(
    x: Array, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], pads: Sequence[int], fill: int
) -> Array:
    """Return every window of `[B, C, *spatial]`: a view `[B, C, *windows, *kernel]`."""
    rank = len(kernel)
    around = [(0, 0), (0, 0), *((pads[axis], pads[axis + rank]) for axis in range(rank))]
    if any(map(any, around)):
        x = np.pad(x, around, constant_values=fill)
    reach = [(size - 1) * spacing + 1 for size, spacing in zip(kernel, dilations, strict=True)]
    views = np.lib.stride_tricks.sliding_window_view(x, reach, tuple(range(2, 2 + rank)))
    every = (slice(None), slice(None), *(slice(None, None, stride) for stride in strides))
    view: Array = views[(*every, *(slice(None, None, spacing) for spacing in dilations))]
    return view


def convolve(x: Array, weights: Array, settings: dict[str, Any]) -> Array:
    """Convolve `[B, C, *spatial]` with `[O, C/groups, *kernel]`, to `[B, O, *windows]`."""
    groups, kernel = int(settings["groups"]), weights.shape[2:]
    rank = len(kernel)
    x = x.astype(_exact(x, weights.reshape(len(weights), -1)))
    cut = _windows(x, kernel, settings["strides"], settings["dilations"], settings["pads"], 0)
    batch, channels, *windows = cut.shape[: 2 + rank]
    # [B, G, C/G, *windows, *kernel] -> [G, B·windows, C/G·kernel]
    grouped = cut.reshape(batch, groups, channels // groups, *cut.shape[2:])
    order = (1, 0, *range(3, 3 + rank), 2, *range(3 + rank, 3 + 2 * rank))
    rows = grouped.transpose(order).reshape(groups, batch * math.prod(windows), -1)
    sums = multiply(rows, weights.reshape(groups, len(weights) // groups, -1))
    # [G, B·windows, O/G] -> [B, O, *windows]
    sums = sums.reshape(groups, batch, *windows, -1)
    return sums.transpose(1, 0, 2 + rank, *range(2, 2 + rank)).reshape(batch, len(weights), *windows)


def sum_pool(x: Array, settings: dict[str, Any]) -> Array:
    """Sum over windows of `[B, C, *spatial]`; the padding counts as zeros."""
    kernel = settings["kernel"]
    cut = _windows(x, kernel, settings["strides"], [1] * len(kernel), settings["pads"], 0)
    return np.asarray(cut.sum(tuple(range(-len(kernel), 0)), dtype=np.int64))


def max_pool(x: Array, settings: dict[str, Any]) -> Array:
    """Take maxima over windows of `[B, C, *spatial]`; the padding never wins."""
    kernel = settings["kernel"]
    cut = _windows(x, kernel, settings["strides"], settings["dilations"], settings["pads"], np.iinfo(np.int64).min)
    return np.asarray(cut.max(tuple(range(-len(kernel), 0))))


def affine(x: Array, multipliers: Array | None, constants: Array | None) -> Array:
    """Return `x·multipliers + constants`."""
    scaled = x if multipliers is None else x * multipliers
    return scaled if constants is None else scaled + constants


def fire(
    held: Array, current: Array, thresholds: Array, offsets: Array | None, settings: dict[str, Any]
) -> tuple[Array, Array]:
    """Run one step of neurons; returns the levels that fire, and the potentials that are left."""
    decay = settings["decay"]
    decayed = held if decay is None else (held * int(decay)) >> DECAY_BITS
    u = decayed + (current << int(settings["shift"]))
    levels = np.floor_divide(u if offsets is None else u + offsets, thresholds)
    fired = np.clip(levels, int(settings["lowest"]), int(settings["highest"]))
    left = u - fired * thresholds if settings["reset"] == "soft" else np.where(fired > 0, 0, u)
    return fired, left


class Limits(NamedTuple):
    """Smallest message of sigma-delta neurons, least magnitude that is told, and their saturation; None: nowhere."""

    thresholds: Array
    least: Array
    caps: Array | None


def message(told: Array, x: Array, limits: Limits, settings: dict[str, Any]) -> Array:
    """Return the messages of one step of sigma-delta neurons: 0, or a sign times 2^e.

    Args:
        told: Sums of their messages before it, `[B, ...]`.
        x: What they were told so far, `[B, ...]`.
        limits: Numbers of the layer, to broadcast.
        settings: Octaves, sign and shift of the layer.
    """
    z = x << int(settings["shift"])
    if limits.caps is not None:
        z = np.clip(z, -limits.caps, limits.caps)
    if not settings["signed"]:
        z = np.maximum(z, 0)
    unknown = z - limits.thresholds * told
    size = np.abs(unknown)
    exponent = np.zeros(size.shape, np.int8)
    for octave in range(1, int(settings["octaves"])):
        exponent += size >= (3 * limits.thresholds >> 2) << octave
    largest = np.left_shift(1, exponent, dtype=np.int64)
    sent = np.where(size >= limits.least, np.sign(unknown) * largest, 0)
    return np.asarray(sent if settings["signed"] else np.where(told + sent < 0, -(largest >> 1), sent))


def fire_back(fired: Array, x: Array, thresholds: Array, settings: dict[str, Any]) -> Array:
    """Return the levels of one step of bipolar neurons, those below 0 taken back.

    Args:
        fired: Sums of their levels before it, `[B, ...]`.
        x: Sums of what they received so far, `[B, ...]`.
        thresholds: Thresholds, to broadcast.
        settings: Bounds of sums, most levels of a step, and shift of the layer.
    """
    levels = np.floor_divide((x << int(settings["shift"])) + thresholds // 2, thresholds)
    sums = np.clip(levels, int(settings["lowest"]), int(settings["highest"]))
    most = int(settings["levels"])
    return np.asarray(np.clip(sums - fired, -most, most))
