"""NIR's IF and LIF neurons as a site of a spiking network."""

from __future__ import annotations

import torch
from torch import Tensor

from snnconv.errors import InvalidValueError
from snnconv.neurons.coupling import Coupling
from snnconv.neurons.lif.function import Reset
from snnconv.neurons.nir_if.function import integrate_and_fire
from snnconv.neurons.site import Observer, SpikingSite, in_single

__all__ = ["NIRNeuron"]


class NIRNeuron(SpikingSite):
    """A site of an SNN: a layer of NIR's IF or LIF neurons over T steps, one spike a step at most, each worth 1.

    Args:
        timesteps: T.
        threshold: θ, `[]` or broadcastable to a sample; the same holds of all tensors that follow.
        decay: share of the potential that is left after a step, from 0 to 1.
        initial: v_0.
        reset: soft or hard.
        reset_to: v_reset of a hard reset.

    Raises:
        InvalidValueError: a value is not finite, or a decay is not from 0 to 1.
    """

    firing_threshold: Tensor
    decay: Tensor
    initial: Tensor
    reset_to: Tensor

    def __init__(
        self,
        timesteps: int,
        threshold: Tensor,
        *,
        decay: Tensor | float = 1.0,
        initial: Tensor | float = 0.0,
        reset: Reset = "hard",
        reset_to: Tensor | float = 0.0,
    ) -> None:
        super().__init__(torch.ones(()), timesteps, 1, coupling=Coupling.CAUSAL)
        self.ceiling.requires_grad_(False)
        self.reset = reset
        values = {"threshold": threshold, "decay": decay, "initial": initial, "reset_to": reset_to}
        for name, value in values.items():
            tensor = torch.as_tensor(value, dtype=torch.float32).detach()
            if tensor.device.type != "meta" and not bool(torch.isfinite(tensor).all()):
                raise InvalidValueError(f"Every {name} of a neuron must be finite.")
            self.register_buffer("firing_threshold" if name == "threshold" else name, tensor)
        if self.decay.device.type != "meta" and not bool(((self.decay >= 0) & (self.decay <= 1)).all()):
            raise InvalidValueError("Every decay must be from 0 to 1: a step must not be longer than a time constant.")

    @property
    def threshold(self) -> Tensor:
        """θ, `[]` or broadcastable to a sample."""
        return self.firing_threshold

    def run(self, currents: Tensor, threshold: Tensor, observe: Observer | None, out: Tensor | None = None) -> Tensor:
        fired = integrate_and_fire(
            in_single(currents),
            self.threshold,
            decay=self.decay,
            initial=self.initial,
            reset=self.reset,
            reset_to=self.reset_to,
        )
        return fired.to(currents.dtype)

    def extra_repr(self) -> str:
        """Shown in a printed graph."""
        kind = "IF" if bool((self.decay == 1).all()) else "LIF"
        return f"{super().extra_repr()}, {kind}, {self.reset} reset"
