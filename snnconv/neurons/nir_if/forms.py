"""The neurons of NIR files in other formats."""

from __future__ import annotations

import numpy as np

from snnconv.neurons.forms import PointNeurons, Shape, Update
from snnconv.neurons.nir_if.module import NIRNeuron
from snnconv.neurons.shared_forms import over_sample, retimed

__all__ = ["nir", "single_threshold", "update"]


def nir(site: NIRNeuron, shape: Shape) -> PointNeurons:
    """Return the layer in NIR's terms, which are its own."""
    threshold, decay, initial = (over_sample(x, shape, None) for x in (site.threshold, site.decay, site.initial))
    reset_to = over_sample(site.reset_to, shape, None) if site.reset == "hard" else None
    return PointNeurons(threshold, np.ones(()), decay, np.zeros(shape), initial, reset_to)


def single_threshold(site: NIRNeuron, timesteps: int) -> NIRNeuron:
    """Return a copy: it has one threshold."""
    return retimed(site, timesteps, 1)


def update(site: NIRNeuron, timesteps: int) -> Update:
    """Return the cost of an update: integration, leak, one comparison, and a soft reset."""
    leaks = bool(((site.decay > 0) & (site.decay < 1)).any())
    return Update(2 + (site.reset == "soft"), int(leaks), 1, 1)
