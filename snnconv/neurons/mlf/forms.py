"""MLF neurons in other formats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from snnconv.neurons.forms import NamedNeuron, NeuronNames, Update
from snnconv.neurons.mlf.function import DECAY, FIRST
from snnconv.neurons.mlf.module import MultiLevel

if TYPE_CHECKING:
    from snnconv.neurons.catalogue import NeuronSettings

__all__ = ["NAMES", "observed_levels", "update"]


def _build(settings: NeuronSettings, ceiling: Tensor, signed: bool, channel_axis: int) -> MultiLevel:
    return MultiLevel(
        ceiling,
        settings.timesteps,
        settings.firing_levels,
        decay=settings.share_left,
        surrogate=settings.surrogate or "rectangular",
        channel_axis=channel_axis,
    )


NAMES = NeuronNames(
    {
        "mlf": NamedNeuron(
            "MLF, multi-level firing",
            levels=3,
            ceiling=float,
            norm_threshold=lambda ceiling, levels: FIRST * ceiling / levels,
            options=frozenset({"surrogate", "decay"}),
            build=_build,
            decay=DECAY,
        )
    },
    lambda _: "mlf",
)


def observed_levels(site: MultiLevel) -> int:
    """Return 1: an observer sees the first membrane, which fires 0 or 1."""
    return 1


def update(site: MultiLevel, timesteps: int) -> Update:
    """Return the cost of an update: integration, comparison and leak of each of the K membranes."""
    leaks = site.levels if 0 < site.decay < 1 else 0
    return Update(2 * site.levels, leaks, site.levels + 1, site.levels)
