"""M-HT neurons as a site of a spiking network."""

from __future__ import annotations

import torch
from torch import Tensor

from snnconv.errors import InvalidValueError
from snnconv.neurons.coupling import Coupling
from snnconv.neurons.mht.function import multithreshold
from snnconv.neurons.site import HALF, Observer, SpikingSite, along_channels

__all__ = ["MultiThreshold"]


class MultiThreshold(SpikingSite):
    """A site of an SNN: a layer of M-HT neurons over T steps.

    Args:
        ceiling: λ, scalar or `[C]`; the threshold is λ/L.
        timesteps: T.
        levels: L.
        coupling: mean or causal: how the steps' currents mix before they reach the neurons.
        rectified: train with the membrane potential rectifier; inference is the same without it.
        signed: Levels from -L to L instead of 0 to L.
        initial: v_0 in units of θ, a number or a tensor `[]` or `[C]`, which is saved and not trained. Under mean
            coupling it is 1/2, where the neuron equals its quantized form.
        channel_axis: axis of the channels.

    Raises:
        InvalidValueError: a v_0 is not finite, has another shape, or is not 1/2 under mean coupling.
    """

    initial: Tensor

    def __init__(
        self,
        ceiling: Tensor,
        timesteps: int,
        levels: int,
        *,
        coupling: Coupling = Coupling.MEAN,
        rectified: bool = False,
        signed: bool = False,
        initial: float | Tensor = HALF,
        channel_axis: int = 1,
    ) -> None:
        super().__init__(ceiling, timesteps, levels, coupling=coupling, signed=signed, channel_axis=channel_axis)
        self.rectified = rectified
        start = torch.as_tensor(initial, dtype=self.ceiling.dtype, device=self.ceiling.device).detach()
        self.register_buffer("initial", _checked(start, coupling))

    def run(self, currents: Tensor, threshold: Tensor, observe: Observer | None) -> Tensor:
        rectified = self.rectified and self.training
        initial: float | Tensor = HALF
        if self.coupling is not Coupling.MEAN:
            initial = along_channels(self.initial, currents.dim() - 1, self.channel_axis)
        return multithreshold(
            currents,
            threshold,
            self.levels,
            coupling=self.coupling,
            initial=initial,
            rectified=rectified,
            signed=self.signed,
            observe=observe,
            out=self.memory_for(currents),
        )


def _checked(initial: Tensor, coupling: Coupling) -> Tensor:
    if initial.dim() > 1:
        raise InvalidValueError(f"v_0 is a scalar or one value a channel; it has shape {tuple(initial.shape)}.")
    if initial.device.type == "meta":
        return initial
    if not bool(torch.isfinite(initial).all()):
        raise InvalidValueError("Every v_0 must be finite.")
    if coupling is Coupling.MEAN and not bool((initial == HALF).all()):
        raise InvalidValueError("Under mean coupling v_0 is 1/2: there the neuron equals its quantized form.")
    return initial
