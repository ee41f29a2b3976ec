"""Sigma-delta neurons in other forms."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from snnconv.neurons.forms import Array, IntegerMessages, SpikeForm, Update
from snnconv.neurons.shared_forms import over_batch
from snnconv.neurons.sigma_delta.function import NEAREST
from snnconv.neurons.sigma_delta.module import SigmaDelta
from snnconv.neurons.site import along_channels
from snnconv.neurons.spike_counts import SpikeCounts, count_messages
from snnconv.neurons.time import unfold_time

__all__ = ["SPIKES", "integers", "telling", "update"]


def telling(site: SigmaDelta, step: int, value: Array, told: Array) -> Array:
    """Return what the readers know after a step: the rule of the function's docstring."""
    theta, cap = (over_batch(values, value, site.channel_axis) for values in (site.ceiling, site.cap))
    known = told / theta
    unknown = np.clip(value, -cap if site.signed else np.zeros(()), cap) / theta - known
    significand, exponent = np.frexp(np.abs(unknown))  # significand from 1/2 to 1
    nearest = np.ldexp(1.0, np.where(significand >= NEAREST, exponent, exponent - 1))
    size = np.clip(nearest, site.smallest, 1.0) * (np.abs(unknown) >= site.dead_zone * site.smallest)
    if not site.signed:
        size = np.where((unknown < 0) & (size > known), size / 2, size)
    changed: Array = theta * (known + np.sign(unknown) * size)
    return changed


def update(site: SigmaDelta, timesteps: int) -> Update:
    """Return the cost of an update: difference, dead zone, nearest power of two (its leading bit), sign, and the sum.

    It reads what it was told and what it told, and writes the latter.
    """
    return Update(5, 0, 2, 1)


def _spikes(site: SigmaDelta, output: Tensor, timesteps: int) -> SpikeCounts:
    """Return the messages of the layer, of what it has told until each step, `[T*B, ...]`."""
    values = unfold_time(output.detach(), site.timesteps) / (site.ceiling_for(output).detach() * site.smallest)
    start = along_channels(site.initial, output.dim(), site.channel_axis) / site.smallest
    return count_messages(values.round_(), start)


def _most(site: SigmaDelta) -> int:
    """Return the units of the smallest message in T of the largest."""
    return int(site.timesteps << (site.octaves - 1))


SPIKES = SpikeForm(_spikes, _most)


def integers(site: SigmaDelta) -> IntegerMessages:
    """Return the layer as integers hold it."""
    return IntegerMessages(site.octaves, site.dead_zone, site.cap, site.initial / site.smallest)
