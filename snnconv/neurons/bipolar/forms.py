"""Bipolar M-HT neurons in other forms."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from snnconv.neurons.bipolar.module import BipolarMultiThreshold
from snnconv.neurons.coupling import Coupling
from snnconv.neurons.forms import Array, IntegerSums, SpikeForm, Update
from snnconv.neurons.shared_forms import over_batch
from snnconv.neurons.site import QuantizedSite, SpikingSite, along_channels
from snnconv.neurons.spike_counts import SpikeCounts, changes, count_levels
from snnconv.neurons.time import unfold_time

__all__ = ["SPIKES", "coupled", "integers", "recalibrated", "telling", "update"]


def coupled(site: BipolarMultiThreshold, coupling: Coupling) -> SpikingSite:
    """Return neurons of the same ceilings and levels under another coupling."""
    if coupling is Coupling.DIFFERENTIAL:
        return site
    from snnconv.neurons.mht.module import MultiThreshold  # whose other couplings are bipolar

    return MultiThreshold(
        site.ceiling,
        site.timesteps,
        site.levels,
        coupling=coupling,
        signed=site.signed,
        channel_axis=site.channel_axis,
    )


def recalibrated(site: BipolarMultiThreshold, quantized: QuantizedSite, timesteps: int) -> BipolarMultiThreshold:
    """Return the neurons at another T or L, which start from newly calibrated ceilings."""
    return BipolarMultiThreshold(
        quantized.ceiling,
        timesteps,
        quantized.total_levels // timesteps,
        signed=quantized.signed,
        channel_axis=quantized.channel_axis,
    )


def update(site: BipolarMultiThreshold, timesteps: int) -> Update:
    """Return the cost of an update: the current, the sum, a comparison a level of either sign, and the sum anew."""
    return Update(3 + 2 * site.levels, 0, 2, 2)


def telling(site: BipolarMultiThreshold, step: int, value: Array, told: Array) -> Array:
    """Return the mean of what the readers were told after a step: the rule of the function's docstring."""
    theta = over_batch(site.threshold, value, site.channel_axis)
    fired = np.round(told * (step - 1) / theta)
    target = np.floor(0.5 + step * value / theta)
    target = np.clip(target, -site.total_levels if site.signed else 0, site.total_levels)
    changed: Array = theta * (fired + np.clip(target - fired, -site.levels, site.levels)) / step
    return changed


def _spikes(site: BipolarMultiThreshold, output: Tensor, timesteps: int) -> SpikeCounts:
    """Return the levels that the layer fires and takes back, of the mean that it has told until each step."""
    elapsed = torch.arange(1, site.timesteps + 1, dtype=output.dtype, device=output.device)
    threshold = along_channels(site.threshold.detach(), output.dim(), site.channel_axis)
    sums = unfold_time(output.detach(), site.timesteps) * elapsed.view(-1, *(1 for _ in output.shape)) / threshold
    return count_levels(changes(sums.round_()).abs_(), site.levels)


def _most(site: BipolarMultiThreshold) -> int:
    """Return L·T: what is taken back is fired again, so that more than N can be."""
    return site.levels * site.timesteps


SPIKES = SpikeForm(_spikes, _most)


def integers(site: BipolarMultiThreshold) -> IntegerSums:
    """Return the layer as integers hold it."""
    return IntegerSums(site.levels, site.total_levels, site.timesteps)
