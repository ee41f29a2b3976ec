"""QCFS in other formats: it counts as M-HT neurons over their whole window, which start at θ/2."""

from __future__ import annotations

import torch
from torch import Tensor

from snnconv.neurons.coupling import Coupling
from snnconv.neurons.forms import IntegerNeurons, SpikeForm, SpikingForm, Update
from snnconv.neurons.qcfs.module import QCFS
from snnconv.neurons.site import HALF, SpikingSite
from snnconv.neurons.spike_counts import SpikeCounts, count_even_levels

__all__ = ["SPIKES", "SPIKING", "collapsed", "integers", "start", "update"]


def start(site: QCFS) -> Tensor:
    """Return v_0 in units of λ/N: at 1/2 levels round to the nearest."""
    return torch.tensor(HALF, dtype=torch.float64)


def integers(site: QCFS) -> IntegerNeurons:
    """Return the neurons of one window."""
    return IntegerNeurons(site.total_levels, start(site))


def _spiking(site: QCFS, timesteps: int, levels: int, coupling: Coupling) -> SpikingSite:
    from snnconv.neurons.mht.forms import bipolar  # which collapse to this kind, and so need it first
    from snnconv.neurons.mht.module import MultiThreshold

    if coupling is Coupling.DIFFERENTIAL:
        return bipolar(site, timesteps, levels)
    return MultiThreshold(
        site.ceiling, timesteps, levels, coupling=coupling, signed=site.signed, channel_axis=site.channel_axis
    )


SPIKING = SpikingForm("MultiThreshold", _spiking)


def update(site: QCFS, timesteps: int) -> Update:
    """Return the cost of an update of the mean-coupled neurons that it stands for, of N/T levels."""
    levels = site.total_levels // timesteps
    return Update(2 + (2 * levels if site.signed else levels), 0, 2, 1)


def _spikes(site: QCFS, output: Tensor, timesteps: int) -> SpikeCounts:
    """Return the spikes of the mean-coupled neurons that it stands for, of its own output `[B, ...]`."""
    levels = (output.detach() / (site.ceiling_for(output).detach() / site.total_levels)).round_()
    return count_even_levels(levels.abs_() if site.signed else levels, timesteps, site.total_levels)


SPIKES = SpikeForm(_spikes)


def collapsed(site: SpikingSite) -> QCFS:
    """Return the quantized activation that neurons equal under mean coupling."""
    return QCFS(site.ceiling, site.total_levels, signed=site.signed, channel_axis=site.channel_axis)
