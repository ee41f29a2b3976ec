r"""Neurons of differential coupling in integers: they tell their readers changes, and take back what they told.

The integers of a layer are the value that it was told so far, x, and the one that it told so far, y. Code power-of-two
(sigma-delta neurons), in units of the accumulator x << shift:

    z = clip(x << shift, lowest, caps)                  lowest 0, or -caps where values have a sign
    u = z - τ·y                                         what the readers do not know yet
    e = the number of j in 1..K-1 with |u| >= 3/4·τ·2^j
    m = sign(u)·2^e where |u| >= least, else 0          the message: a sign and an exponent
    m = m/2 where y + m < 0                             of values without a sign
    y = y + m

Symbols: τ the smallest message, a multiple of 4, K octaves. What y = 1 is worth to the layers that follow is τ as it
was rounded, so that rounding changes which messages there are, by 2^-7 of their size at most, and no value that they
approach. Its product with y is a sum of shifts: τ·y changes by ±(τ << e).

Code uniform (bipolar M-HT neurons), where x is a sum over the steps so far:

    k = clip(floor((x << shift) + θ/2) / θ), lowest, highest)
    y = y + clip(k - y, -L, L)
"""

from __future__ import annotations

import numpy as np
from torch import Tensor, fx

from snnconv.formats.hardware.ahead import thresholds_of
from snnconv.formats.hardware.builder import HardwareBuilder
from snnconv.formats.hardware.layers import Array, HardwareSignal, Integers, compact, whole, with_real
from snnconv.formats.hardware.rounding import shift_for
from snnconv.graph.access import display_name
from snnconv.neurons import Site
from snnconv.neurons.forms import IntegerMessages, IntegerSums
from snnconv.neurons.site import along_channels

__all__ = ["messages", "sums"]

Extent = tuple[int, int]


def messages(
    builder: HardwareBuilder, node: fx.Node, site: Site, neurons: IntegerMessages, received: HardwareSignal
) -> HardwareSignal:
    """Append a layer of neurons that tell powers of two.

    Args:
        builder: Walk over the network.
        node: Node of the layer.
        site: Layer.
        neurons: Layer as integers hold it.
        received: Values that it is told.
    """
    shape = tuple(node.meta["shape"])
    real = thresholds_of(site, len(shape))
    shift = shift_for(real, received.scale)
    unit = received.scale / 2**shift
    smallest = 4 * whole(real / unit / 4)
    least = whole(neurons.dead_zone * smallest)
    initial = whole(_of_channels(neurons.initial, site, shape))
    arrays = {
        "thresholds": with_real(smallest, real, shape),
        "least": Integers(*compact(least, shape)),
        "initial": Integers(*compact(initial, shape)),
    }
    reached = (received.low * 2**shift, received.high * 2**shift)
    cap = _of_channels(neurons.cap, site, shape)
    if np.isfinite(cap).any():
        beyond = max(-reached[0], reached[1])  # a cap that is never met
        caps = np.minimum(whole(np.minimum(cap / unit, beyond)), beyond)
        arrays["caps"] = with_real(caps, cap, shape) if np.isfinite(cap).all() else Integers(*compact(caps, shape))
    extent = _told(builder.passes << (neurons.octaves - 1), reached, initial, smallest, site.signed)
    return builder.add(
        display_name(node),
        "sigma_delta",
        [received],
        np.asarray(smallest * unit),
        extent,
        shape,
        attributes={"octaves": neurons.octaves, "signed": site.signed, "shift": shift},
        arrays=arrays,
        state=_held(reached, extent, int(smallest.max()), (3 * int(smallest.max()) << neurons.octaves - 1) // 4),
    )


def _of_channels(values: Tensor, site: Site, shape: tuple[int, ...]) -> Array:
    """Return numbers of a layer, to broadcast over a sample, float64."""
    numbers = along_channels(values.detach().double(), len(shape) + 1, site.channel_axis).cpu().numpy()
    return np.asarray(numbers.reshape((1,) * (len(shape) - numbers.ndim) + numbers.shape))


def _told(most: int, reached: Extent, initial: Array, smallest: Array, signed: bool) -> Extent:
    """Return the least and the most that a layer tells.

    A message is at most 4/3 of what is unknown, or one more than half of the smallest: so what is told stays within
    twice what was received, and within T of the largest messages.

    Args:
        most: T of the largest messages.
        reached: Bounds of what it is told, in units of its accumulators.
        initial: Messages that its readers know before the first pass.
        smallest: Smallest message in units of the accumulators.
        signed: Flag of values of both signs.
    """
    farthest = 2 * max(-reached[0] if signed else 0, reached[1], 0) // int(smallest.min()) + 1
    first = int(np.abs(initial).max())
    high = max(first, min(first + most, farthest))
    return (-high if signed else 0, high)


def _held(reached: Extent, told: Extent, unit: int, largest: int) -> Extent:
    """Return bounds of the accumulators, of what is told in their units, of their difference, and of a threshold."""
    low, high = (end * unit for end in told)
    return min(reached[0], low, reached[0] - high), max(reached[1], high, reached[1] - low, largest)


def sums(
    builder: HardwareBuilder, node: fx.Node, site: Site, neurons: IntegerSums, received: HardwareSignal
) -> HardwareSignal:
    """Append a layer of neurons that fire levels and take them back.

    Args:
        builder: Walk over the network.
        node: Node of the layer.
        site: Layer.
        neurons: Layer as integers hold it.
        received: Sums of what it is told.
    """
    shape = tuple(node.meta["shape"])
    real = thresholds_of(site, len(shape))
    shift = shift_for(real, received.scale)
    unit = received.scale / 2**shift
    threshold = 2 * whole(real / unit / 2)
    total, most = neurons.total_levels, int(threshold.max())
    lowest = -total if site.signed else 0
    reached = (received.low * 2**shift, received.high * 2**shift + most // 2)
    return builder.add(
        display_name(node),
        "bipolar",
        [received],
        np.asarray(threshold * unit),
        (lowest, total),
        shape,
        attributes={"lowest": lowest, "highest": total, "levels": neurons.levels, "shift": shift},
        arrays={"thresholds": with_real(threshold, real, shape)},
        state=_held(reached, (lowest, total), most, most),
    )
