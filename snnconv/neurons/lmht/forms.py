"""LM-HT neurons in other formats, and what else they can become."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from snnconv.neurons.forms import NamedNeuron, NeuronNames, Update
from snnconv.neurons.lmht.module import LearnableMultiThreshold
from snnconv.neurons.site import HALF, QuantizedSite

if TYPE_CHECKING:
    from snnconv.neurons.catalogue import NeuronSettings

__all__ = ["NAMES", "recalibrated", "update"]


def _build(settings: NeuronSettings, ceiling: Tensor, signed: bool, channel_axis: int) -> LearnableMultiThreshold:
    return LearnableMultiThreshold(
        ceiling,
        settings.timesteps,
        settings.firing_levels,
        initial=HALF if settings.initial is None else settings.initial,
        rectified=settings.mpr,
        signed=signed,
        channel_axis=channel_axis,
    )


NAMES = NeuronNames(
    {
        "lmht": NamedNeuron(
            "LM-HT, multi-threshold, learned coupling and leak",
            levels=2,
            ceiling=lambda _: 2.0,
            norm_threshold=lambda ceiling, _: ceiling / 2,
            options=frozenset({"mpr", "initial"}),
            build=_build,
        )
    },
    lambda _: "lmht",
)


def recalibrated(site: LearnableMultiThreshold, quantized: QuantizedSite, timesteps: int) -> LearnableMultiThreshold:
    """Return the neurons at another T or L, which start from newly calibrated ceilings.

    Coupling and leak are those of the old neurons where T stays, and start anew where it changes.
    """
    layer = LearnableMultiThreshold(
        quantized.ceiling,
        timesteps,
        quantized.total_levels // timesteps,
        rectified=site.rectified,
        signed=quantized.signed,
        channel_axis=quantized.channel_axis,
    )
    if timesteps == site.timesteps:
        layer.mixing.data.copy_(site.mixing.data)
        layer.leakage.data.copy_(site.leakage.data)
    return layer


def update(site: LearnableMultiThreshold, timesteps: int) -> Update:
    """Return the cost of an update: T products and T - 1 sums of the coupling, leak, a comparison a level, reset."""
    decision = 2 * site.levels if site.signed else site.levels
    return Update(2 + decision + timesteps - 1, timesteps + 1, 1 + timesteps, 1)
