"""Sigma-delta neurons in other forms."""

from __future__ import annotations

import numpy as np

from snnconv.neurons.forms import Array, IntegerMessages, Update
from snnconv.neurons.shared_forms import over_batch
from snnconv.neurons.sigma_delta.function import NEAREST
from snnconv.neurons.sigma_delta.module import SigmaDelta

__all__ = ["integers", "telling", "update"]


def telling(site: SigmaDelta, step: int, value: Array, told: Array) -> Array:
    """Return what the readers know after a step: the rule of the module's docstring, level by level."""
    theta, cap = (over_batch(values, value, site.channel_axis) for values in (site.ceiling, site.cap))
    known = told / theta
    unknown = np.clip(value, -cap if site.signed else np.zeros(()), cap) / theta - known
    size = np.where(np.abs(unknown) >= site.dead_zone * site.smallest, site.smallest, 0.0)
    for octave in reversed(range(site.octaves - 1)):
        size = np.where(np.abs(unknown) >= NEAREST * 2.0**-octave, 2.0**-octave, size)
    if not site.signed:
        size = np.where((unknown < 0) & (size > known), size / 2, size)
    changed: Array = theta * (known + np.sign(unknown) * size)
    return changed


def update(site: SigmaDelta, timesteps: int) -> Update:
    """Return the cost of an update: difference, dead zone, nearest power of two (its leading bit), sign, and the sum.

    It reads what it was told and what it told, and writes the latter.
    """
    return Update(5, 0, 2, 1)


def integers(site: SigmaDelta) -> IntegerMessages:
    """Return the layer as integers hold it."""
    return IntegerMessages(site.octaves, site.dead_zone, site.cap, site.initial / site.smallest)
