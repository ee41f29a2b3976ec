"""The three errors of a conversion at one site (Bu et al., ICLR 2022, section 3), given the currents it received.

    clipping      |a - clip(a, -λ, λ)|
    quantization  |clip(a, -λ, λ) - QCFS(z)|
    unevenness    |QCFS(z) - mean_t θ·s_t|

Symbols: z time mean of the current that the site received, a = clip(z, 0, cap) what a rectifier that saturates at `cap`
answers to it (signed: clip(z, -cap, cap)), λ ceiling, QCFS the quantized activation at N levels, θ·s_t what was fired.

Neurons that tell changes of a value in messages of powers of two have no levels. Their errors, after T steps:

    clipping    |a - c|,  c = clip(a, low, high)
    dead zone   |c - R_T|  where they would send nothing more: less is unknown than the smallest message tells
    unsettled   |c - R_T|  where they would still send, had they more steps

Symbols: a what a rectifier answers to the value z that they were told until step T, low and high what T messages of θ
reach, R_T what they told their readers. The dead zone takes the place of quantization, what is unsettled that of
unevenness.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from snnconv.neurons.qcfs import qcfs

__all__ = ["SiteErrors", "site_errors", "tracking_errors"]


@dataclass(frozen=True)
class SiteErrors:
    """Sums of magnitudes over all elements of one site, in units of the activation."""

    activation: float
    clipping: float
    quantization: float
    unevenness: float


def site_errors(
    current: Tensor, spikes: Tensor, ceiling: Tensor, total_levels: int, *, signed: bool = False, cap: float = math.inf
) -> SiteErrors:
    """Sum the errors of one site over a batch.

    Args:
        current: Time means of the currents that it received, `[B, ...]`.
        spikes: Time means of its spikes, of the shape of `current`.
        ceiling: λ, broadcastable to `current`.
        total_levels: N.
        signed: True where it fires levels of both signs.
        cap: Value at which its activation saturates by itself.

    >>> site_errors(torch.tensor([0.3, 2.0]), torch.tensor([0.0, 1.0]), torch.tensor(1.0), 2)
    SiteErrors(activation=2.299999952316284, clipping=1.0, quantization=0.19999998807907104, unevenness=0.5)
    """
    activation = current.clamp(-cap if signed else 0.0, cap)
    clipped = torch.minimum(torch.maximum(activation, -ceiling), ceiling)
    levels = qcfs(current, ceiling, total_levels, signed)
    sums = (activation, activation - clipped, clipped - levels, levels - spikes)
    return SiteErrors(*(float(error.abs().sum()) for error in sums))


def tracking_errors(
    value: Tensor,
    output: Tensor,
    limits: tuple[Tensor, Tensor],
    unsettled: Tensor,
    *,
    signed: bool = False,
    cap: float = math.inf,
) -> SiteErrors:
    """Sum the errors of a site of power-of-two messages over a batch; they stand in the order of `site_errors`.

    Args:
        value: Value that it was told until the last step, `[B, ...]`.
        output: Value that it told its readers, of the shape of `value`.
        limits: Lowest and highest value that its messages reach, broadcastable to `value`.
        unsettled: Truth values, of the shape of `value`: the neuron would send one more message.
        signed: True where its values have both signs.
        cap: Value at which its activation saturates by itself.

    >>> value, output = torch.tensor([0.3, 0.7, 9.0]), torch.tensor([0.25, 0.25, 4.0])
    >>> limits = torch.tensor(0.0), torch.tensor(4.0)
    >>> tracking_errors(value, output, limits, torch.tensor([False, True, True]))
    SiteErrors(activation=10.0, clipping=5.0, quantization=0.050000011920928955, unevenness=0.44999998807907104)
    """
    activation = value.clamp(-cap if signed else 0.0, cap)
    clipped = torch.minimum(torch.maximum(activation, limits[0]), limits[1])
    missing = (clipped - output).abs()
    sums = (activation.abs(), (activation - clipped).abs(), missing * ~unsettled, missing * unsettled)
    return SiteErrors(*(float(error.sum()) for error in sums))
