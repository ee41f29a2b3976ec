"""IF and LIF neurons as a site of a spiking network."""

from __future__ import annotations

from torch import Tensor

from snnconv.neurons.coupling import Coupling
from snnconv.neurons.lif.function import Reset, lif
from snnconv.neurons.site import Observer, SpikingSite
from snnconv.neurons.surrogate import Surrogate, parse_surrogate

__all__ = ["LIF"]


class LIF(SpikingSite):
    """A site of an SNN: a layer of IF or LIF neurons over T steps.

    Args:
        ceiling: λ, scalar or `[C]`; θ = λ/L.
        timesteps: T.
        levels: L.
        decay: share of the potential that is left after a step; 1 is IF.
        reset: soft or hard.
        rectified: train with the membrane potential rectifier; inference is the same without it.
        surrogate: whose slope is the gradient of a spike.
        channel_axis: axis of the channels.
    """

    def __init__(
        self,
        ceiling: Tensor,
        timesteps: int,
        levels: int = 1,
        *,
        decay: float = 1.0,
        reset: Reset = "soft",
        rectified: bool = False,
        surrogate: Surrogate | str = "rectangular",
        channel_axis: int = 1,
    ) -> None:
        super().__init__(ceiling, timesteps, levels, coupling=Coupling.CAUSAL, channel_axis=channel_axis)
        self.decay = decay
        self.reset = reset
        self.rectified = rectified
        self.surrogate = parse_surrogate(surrogate)

    def run(self, currents: Tensor, threshold: Tensor, observe: Observer | None) -> Tensor:
        return lif(
            currents,
            threshold,
            self.levels,
            decay=self.decay,
            reset=self.reset,
            rectified=self.rectified and self.training,
            surrogate=self.surrogate,
            observe=observe,
        )

    def extra_repr(self) -> str:
        """Shown in a printed graph."""
        kind = "IF" if self.decay == 1 else f"decay={self.decay:g}"
        return f"{super().extra_repr()}, {kind}, {self.reset} reset{', rectified' if self.rectified else ''}"
