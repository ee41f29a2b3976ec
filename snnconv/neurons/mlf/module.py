"""MLF neurons as a site of a spiking network."""

from __future__ import annotations

from torch import Tensor

from snnconv.neurons.coupling import Coupling
from snnconv.neurons.mlf.function import DECAY, FIRST, multilevel
from snnconv.neurons.site import Observer, SpikingSite
from snnconv.neurons.surrogate import Surrogate, parse_surrogate

__all__ = ["MultiLevel"]


class MultiLevel(SpikingSite):
    """A site of an SNN: a layer of MLF neurons over T steps.

    Args:
        ceiling: λ, scalar or `[C]`; θ = λ/K.
        timesteps: T.
        levels: K.
        decay: share of a potential that is left after a step.
        first: threshold of the first membrane in units of θ.
        surrogate: whose slope is the gradient of a spike.
        channel_axis: axis of the channels.
    """

    def __init__(
        self,
        ceiling: Tensor,
        timesteps: int,
        levels: int = 3,
        *,
        decay: float = DECAY,
        first: float = FIRST,
        surrogate: Surrogate | str = "rectangular",
        channel_axis: int = 1,
    ) -> None:
        super().__init__(ceiling, timesteps, levels, coupling=Coupling.CAUSAL, channel_axis=channel_axis)
        self.decay = decay
        self.first = first
        self.surrogate = parse_surrogate(surrogate)

    def run(self, currents: Tensor, threshold: Tensor, observe: Observer | None) -> Tensor:
        return multilevel(
            currents,
            threshold,
            self.levels,
            decay=self.decay,
            first=self.first,
            surrogate=self.surrogate,
            observe=observe,
        )
