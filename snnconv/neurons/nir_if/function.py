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

from snnconv.neurons.lif.function import Reset

__all__ = ["integrate_and_fire"]


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
