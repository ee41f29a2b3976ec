"""Bipolar M-HT neurons in other forms."""

from __future__ import annotations

import numpy as np

from snnconv.neurons.bipolar.module import BipolarMultiThreshold
from snnconv.neurons.coupling import Coupling
from snnconv.neurons.forms import Array, Update
from snnconv.neurons.shared_forms import over_batch
from snnconv.neurons.site import QuantizedSite, SpikingSite

__all__ = ["coupled", "recalibrated", "telling", "update"]


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
    wanted = np.floor(0.5 + step * value / theta)
    wanted = np.clip(wanted, -site.total_levels if site.signed else 0, site.total_levels)
    changed: Array = theta * (fired + np.clip(wanted - fired, -site.levels, site.levels)) / step
    return changed
