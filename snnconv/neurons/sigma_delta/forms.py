"""Sigma-delta neurons in other forms."""

from __future__ import annotations

from torch import Tensor

from snnconv.neurons.forms import SpikeForm, Update
from snnconv.neurons.sigma_delta.module import SigmaDelta
from snnconv.neurons.site import along_channels
from snnconv.neurons.spike_counts import SpikeCounts, count_messages
from snnconv.neurons.time import unfold_time

__all__ = ["SPIKES", "update"]


def update(site: SigmaDelta, timesteps: int) -> Update:
    """Return the cost of an update: difference, dead zone, nearest power of two (its leading bit), sign, and the sum.

    It reads what it was told and what it told, and writes the latter.
    """
    return Update(5, 0, 2, 1)


def _spikes(site: SigmaDelta, output: Tensor, timesteps: int) -> SpikeCounts:
    """Return the messages of the layer, of what it has told until each step, `[T*B, ...]`."""
    values = unfold_time(output, site.timesteps) / (site.ceiling_for(output) * site.smallest)
    start = along_channels(site.initial, output.dim(), site.channel_axis) / site.smallest
    return count_messages(values.round_(), start)


def _most(site: SigmaDelta) -> int:
    """Return the units of the smallest message in T of the largest."""
    return int(site.timesteps << (site.octaves - 1))


SPIKES = SpikeForm(_spikes, _most)
