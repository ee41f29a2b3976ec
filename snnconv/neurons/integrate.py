r"""The integrate-and-fire neuron of other people's files, as NIR defines it.

    m_t = decay·v_{t-1} + I_t
    s_t = 1 where m_t > θ, else 0
    v_t = m_t - θ·s_t                 (soft reset)
    v_t = v_reset where s_t = 1, else m_t     (hard reset, NIR's own)

Symbols: I_t input current of step t, m potential before firing, v after the reset, θ threshold (fires strictly above
it), decay share of the potential that is left after a step (1: IF), v_0 initial potential. A spike is worth 1. All of
them may differ from neuron to neuron, and are in units of the current.

Source: Pedersen et al., "Neuromorphic intermediate representation", Nature Communications 2024, table 1, one step of
its differential equations at a time.

Such networks are run, not trained: no gradient passes a spike.
"""

from __future__ import annotations

import torch
from torch import Tensor

from snnconv.errors import InvalidValueError
from snnconv.neurons.coupling import Coupling
from snnconv.neurons.leaky import Reset
from snnconv.neurons.site import Observer, SpikingSite, in_single

__all__ = ["IntegrateAndFire", "integrate_and_fire"]


def integrate_and_fire(
    currents: Tensor,
    threshold: Tensor,
    *,
    decay: Tensor | float = 1.0,
    initial: Tensor | float = 0.0,
    reset: Reset = "hard",
    reset_to: Tensor | float = 0.0,
) -> Tensor:
    """Run integrate-and-fire neurons through T steps.

    Args:
        currents: `[T, ...]`.
        threshold: θ, broadcastable to `currents[0]`, as all that follow.
        decay: share of the potential that is left after a step.
        initial: v_0.
        reset: "soft" takes θ away, "hard" sets the potential to `reset_to`.
        reset_to: v_reset.

    Returns:
        Spikes 0 or 1, `[T, ...]`, of the type of the currents.

    >>> integrate_and_fire(torch.tensor([0.75, 0.75, 0.75, 0.75]), torch.tensor(1.0), reset="soft")
    tensor([0., 1., 1., 0.])
    >>> integrate_and_fire(torch.tensor([0.75, 0.75, 0.75, 0.75]), torch.tensor(1.0), reset="hard")
    tensor([0., 1., 0., 1.])
    """
    fired = torch.empty_like(currents, memory_format=torch.contiguous_format)
    left = torch.zeros_like(currents[0]) + initial
    for current, spikes in zip(currents, fired, strict=True):
        m = decay * left + current
        s = m > threshold
        spikes.copy_(s)
        left = m - threshold * s if reset == "soft" else torch.where(s, reset_to + torch.zeros_like(m), m)
    return fired


class IntegrateAndFire(SpikingSite):
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

    threshold: Tensor
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
            self.register_buffer(name, tensor)
        if self.decay.device.type != "meta" and not bool(((self.decay >= 0) & (self.decay <= 1)).all()):
            raise InvalidValueError("Every decay must be from 0 to 1: a step must not be longer than a time constant.")

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
