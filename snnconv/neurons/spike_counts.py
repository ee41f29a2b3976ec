"""Spikes of a layer, added up over its window in three ways.

| count | a spike of level k | a message of ±2^-j, the smallest ±2^-(K-1) |
|---|---|---|
| unary | k: so many unit spikes | 2^(K-1-j) of the smallest |
| power-of-two | the ones among the binary digits of k | 1 |
| graded | 1, whatever the level | 1 |

Nothing is counted where nothing fires, and a negative level counts as many as a positive one. Energy is estimated for
each of the counts (snnconv.costs), because the way of counting decides which network looks cheap.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import torch
from torch import Tensor

from snnconv.neurons.time import sum_of_steps

__all__ = ["SpikeCount", "SpikeCounts", "binary_ones", "changes", "count_even_levels", "count_levels", "count_messages"]


class SpikeCount(StrEnum):
    """A way to count spikes; the values are keys of JSON and fields of `SpikeCounts`."""

    UNARY = "unary"
    POWER_OF_TWO = "power_of_two"
    GRADED = "graded"

    @property
    def label(self) -> str:
        """Return the name as readers see it."""
        return self.value.replace("_", "-")

    @classmethod
    def _missing_(cls, value: object) -> SpikeCount | None:
        """Take the label for the value."""
        return next((count for count in cls if count.label == value), None)


class SpikeCounts(NamedTuple):
    """Spikes of each neuron over its window, whole numbers of any type, `[B, ...]` each."""

    unary: Tensor
    power_of_two: Tensor
    graded: Tensor


def binary_ones(levels: Tensor, most: int) -> Tensor:
    """Return the number of ones among the binary digits of integers.

    Args:
        levels: Integers from 0 to `most`, of an integer type.
        most: The highest level there can be.

    >>> binary_ones(torch.arange(9), 8).tolist()
    [0, 1, 1, 2, 1, 2, 2, 3, 1]
    """
    ones = levels & 1
    for digit in range(1, most.bit_length()):
        ones = ones + ((levels >> digit) & 1)
    return ones


def count_levels(levels: Tensor, most: int) -> SpikeCounts:
    """Count the levels that neurons fire step by step.

    Args:
        levels: Levels without their sign, `[T, B, ...]`, integers of a floating-point type.
        most: L, the highest level of one step.

    >>> counts = count_levels(torch.tensor([[3.0], [0.0], [4.0]]), 4)
    >>> [count.tolist() for count in counts]
    [[7.0], [3], [2]]
    """
    unary = sum_of_steps(levels)
    if most == 1:
        return SpikeCounts(unary, unary, unary)
    integer = torch.uint8 if most * len(levels) < 256 else torch.int32
    graded = torch.zeros(unary.shape, dtype=integer, device=unary.device)
    ones = torch.zeros_like(graded)
    for step in levels:  # slice by slice, as bytes, in half the time
        whole = step.to(integer)
        graded += whole.clamp(max=1)
        if most > 2:
            ones += binary_ones(whole, most)
    return SpikeCounts(unary, graded if most == 2 else ones, graded)  # 1 and 2 are powers of two themselves


def changes(values: Tensor, start: Tensor | None = None) -> Tensor:
    """Return the change of every step, in new memory.

    Args:
        values: Values so far, `[T, ...]`.
        start: Value before the first step, broadcastable to `[...]`; None: 0.

    >>> changes(torch.tensor([2.0, 2.0, 1.0])).tolist()
    [2.0, 0.0, -1.0]
    """
    result = torch.empty_like(values)
    torch.sub(values[1:], values[:-1], out=result[1:])
    result[0] = values[0] if start is None else values[0] - start
    return result


def count_messages(values: Tensor, start: Tensor) -> SpikeCounts:
    """Count messages of a power of two, of either sign, of which a step has at most one.

    Args:
        values: Values told until each step in units of the smallest message, `[T, B, ...]`, whole numbers.
        start: Value that was known before the first step, broadcastable to `[B, ...]`.

    >>> counts = count_messages(torch.tensor([[8.0], [6.0], [6.0]]), torch.tensor(0.0))
    >>> [count.tolist() for count in counts]
    [[10.0], [2], [2]]
    """
    units = changes(values, start).abs_()
    messages = (units != 0).sum(0)
    return SpikeCounts(sum_of_steps(units), messages, messages)


def count_even_levels(levels: Tensor, timesteps: int, most: int) -> SpikeCounts:
    """Count the levels of neurons that receive one current at all T steps, by their sum over the window.

    M-HT neurons that start at θ/2 fire k levels as evenly as integers can: k mod T steps of level ⌊k/T⌋ + 1, and the
    others of ⌊k/T⌋.

    Args:
        levels: k without its sign, `[B, ...]`, integers of a floating-point type.
        timesteps: T.
        most: N, the highest k.

    >>> counts = count_even_levels(torch.tensor([1.0, 4.0, 7.0]), 4, 8)  # 1 0 0 0, 1 1 1 1, 2 2 2 1
    >>> [count.tolist() for count in counts]
    [[1.0, 4.0, 7.0], [1.0, 4.0, 4.0], [1.0, 4.0, 4.0]]
    """
    sums = torch.arange(most + 1, device=levels.device)
    lower, higher = sums // timesteps, sums % timesteps
    ones = higher * binary_ones(lower + 1, most + 1) + (timesteps - higher) * binary_ones(lower, most + 1)
    spikes = ones.to(levels.dtype).index_select(0, levels.flatten().to(torch.int32))  # faster than by brackets
    return SpikeCounts(levels, spikes.view_as(levels), levels.clamp(max=timesteps))
