"""LM-HT neurons as a site of a spiking network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snnconv.neurons.coupling import Coupling
from snnconv.neurons.lmht.function import coupling_matrix, leak_factor
from snnconv.neurons.mht.function import multithreshold
from snnconv.neurons.site import Observer, SpikingSite

__all__ = ["LearnableMultiThreshold"]


class LearnableMultiThreshold(SpikingSite):
    """A site of an SNN: a layer of LM-HT neurons over T steps.

    Args:
        ceiling: λ, scalar or `[C]`; the threshold is λ/L.
        timesteps: T.
        levels: L.
        initial: v_0 in units of θ: 1/2, where levels round to the nearest, as in a converted network; 0 in those
            that the paper trains from scratch.
        rectified: train with the membrane potential rectifier; inference is the same without it.
        signed: Levels from -L to L instead of 0 to L.
        channel_axis: axis of the channels.
    """

    def __init__(
        self,
        ceiling: Tensor,
        timesteps: int,
        levels: int,
        *,
        initial: float = 0.5,
        rectified: bool = False,
        signed: bool = False,
        channel_axis: int = 1,
    ) -> None:
        super().__init__(
            ceiling, timesteps, levels, coupling=Coupling.LEARNED, signed=signed, channel_axis=channel_axis
        )
        self.initial = initial
        self.rectified = rectified
        self.mixing = nn.Parameter(torch.zeros(timesteps, timesteps))  # A
        self.leakage = nn.Parameter(torch.zeros(()))  # a

    def run(self, currents: Tensor, threshold: Tensor, observe: Observer | None) -> Tensor:
        return multithreshold(
            currents,
            threshold,
            self.levels,
            coupling=coupling_matrix(self.mixing),
            initial=self.initial,
            leak=leak_factor(self.leakage),
            rectified=self.rectified and self.training,
            signed=self.signed,
            observe=observe,
            out=self.memory_for(currents),
        )
