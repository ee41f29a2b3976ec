"""IF and LIF neurons in other formats, and what else they can become."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from snnconv.graph.node import Refusal
from snnconv.neurons.forms import IntegerNeurons, NamedNeuron, NeuronNames, PointNeurons, Shape, Update
from snnconv.neurons.lif.module import LIF
from snnconv.neurons.shared_forms import over_sample, retimed

if TYPE_CHECKING:
    from snnconv.neurons.catalogue import NeuronSettings

__all__ = ["NAMES", "integers", "nir", "single_threshold", "update"]


def _build(settings: NeuronSettings, ceiling: Tensor, signed: bool, channel_axis: int) -> LIF:
    return LIF(
        ceiling,
        settings.timesteps,
        settings.firing_levels,
        decay=settings.share_left,
        reset="hard" if settings.reset == "hard" else "soft",
        rectified=settings.mpr,
        surrogate=settings.surrogate or "rectangular",
        channel_axis=channel_axis,
    )


def _first_spike(ceiling: float, levels: int) -> float:
    """Return θ/2, where the first spike begins."""
    return 0.5 * ceiling / levels


_OPTIONS = frozenset({"reset", "mpr", "surrogate"})
NAMES = NeuronNames(
    {
        "if": NamedNeuron("IF, integrate and fire", 1, float, _first_spike, _OPTIONS, _build),
        "lif": NamedNeuron(
            "LIF, leaky integrate and fire", 1, float, _first_spike, _OPTIONS | {"decay"}, _build, decay=0.25
        ),
    },
    lambda site: "if" if site.decay == 1 else "lif",
)


def integers(site: LIF) -> IntegerNeurons:
    """Return the layer as integers hold it."""
    return IntegerNeurons(site.levels, None, site.reset, site.decay)


def nir(site: LIF, shape: Shape) -> PointNeurons:
    """Return a layer of one level in NIR's terms.

    With a hard reset it decides at λ/2 and starts at 0. With a soft one its potential plus λ/2 decides at λ, starts at
    λ/2, and leaks to λ/2.
    """
    ceiling, zero = over_sample(site.ceiling, shape, site.channel_axis), np.zeros(shape)
    worth = site.ceiling.detach().double().cpu().numpy()
    decay = over_sample(site.decay, shape, None)
    if site.reset == "hard":
        return PointNeurons(ceiling / 2, worth, decay, zero, zero, zero)
    return PointNeurons(ceiling, worth, decay, ceiling / 2 if site.decay != 1 else zero, ceiling / 2, None)


def single_threshold(site: LIF, timesteps: int) -> LIF:
    """Return the same neurons with one threshold.

    Raises:
        Refusal: neurons of several levels leak, or reset to zero.
    """
    if site.levels > 1 and (site.decay != 1 or site.reset != "soft"):
        raise Refusal(
            f"neurons that leak, or reset to zero, have no form with one threshold at L={site.levels} levels: train "
            "with --levels 1"
        )
    return retimed(site, timesteps, 1)


def update(site: LIF, timesteps: int) -> Update:
    """Return the cost of an update: integration, leak, a comparison a level, and a soft reset."""
    return Update(1 + site.levels + (site.reset == "soft"), int(0 < site.decay < 1), 1, 1)
