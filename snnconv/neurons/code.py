"""Code: the messages that neurons of differential coupling send."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Code"]


class Code(StrEnum):
    """The messages of a neuron that tells changes of its value.

    POWER_OF_TWO: ±θ·2^-k, k < K, one a step at most (sigma-delta neurons). UNIFORM: -L..L times θ (bipolar M-HT
    neurons, which end where the quantized network does).
    """

    POWER_OF_TWO = "power-of-two"
    UNIFORM = "uniform"
