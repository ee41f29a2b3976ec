r"""M-HT, the multi-threshold neuron (Hao et al., LM-HT, NeurIPS 2024, eq. 5), without leak.

    m_t = v_{t-1} + I_t            I_t = sum_j omega_tj x_j
    s_t = clip(floor(m_t/θ), 0, L)
    v_t = m_t - θ·s_t              (soft reset)

Symbols: x_t input current of step t, omega coupling of the steps (rows sum to 1), I_t what the neuron receives,
m membrane potential before firing, v after the reset with v_0 = θ/2, θ = λ/L firing threshold, L levels a step, s_t the
level that fires (at m >= k·θ the level is at least k). The output θ·s_t is a current again, so weights stay as they
are.

With constant current or mean coupling, the time mean of the output is QCFS of the time mean of the input at N = L·T
(LM-HT, Lemma 4.1 and Theorem 4.2).
"""

from __future__ import annotations

from enum import StrEnum

import torch
from torch import Tensor

from snnconv.neurons.site import Site, require_positive_int
from snnconv.neurons.time import fold_time, unfold_time

__all__ = ["Coupling", "MultiThreshold", "couple", "multithreshold"]


class Coupling(StrEnum):
    """What a neuron sees of its window of T steps before it fires.

    MEAN: every step receives the time mean of the input currents (omega = 1/T, LM-HT's T-GIM as it is initialised):
    exact, but a layer waits for its whole window. CAUSAL: step t receives the current of step t (omega = identity, the
    ordinary neuron), as a streaming chip does: no waiting, and unevenness errors.
    """

    MEAN = "mean"
    CAUSAL = "causal"

    def matrix(self, timesteps: int) -> Tensor:
        """omega, `[T, T]`, float32; rows sum to 1."""
        if self is Coupling.MEAN:
            return torch.full((timesteps, timesteps), 1.0 / timesteps)
        return torch.eye(timesteps)


def couple(currents: Tensor, coupling: Coupling) -> Tensor:
    """Mix the input currents of T steps, `[T, ...]` to the same shape (expanded, not copied, under mean coupling)."""
    if coupling is Coupling.MEAN:
        return currents.mean(0, keepdim=True).expand_as(currents)
    return currents


def multithreshold(currents: Tensor, threshold: Tensor, levels: int, *, initial: float = 0.5) -> Tensor:
    """Run multi-threshold neurons through T steps.

    Args:
        currents: what the neurons receive at each step, `[T, ...]`.
        threshold: θ > 0, broadcastable to `currents[0]`, in units of the current.
        levels: L >= 1, the highest level that one step can fire.
        initial: v_0 in units of θ.

    Returns:
        Output currents θ·s_t, `[T, ...]`.

    Raises:
        InvalidValueError: L is not a positive integer.

    Source: Hao et al., "LM-HT SNN: Enhancing the Performance of SNN to ANN Counterpart through Learnable
    Multi-hierarchical Threshold Model", NeurIPS 2024.

    >>> multithreshold(torch.tensor([0.7, 0.7, 2.9]), torch.tensor(1.0), 2)
    tensor([1., 0., 2.])
    """
    require_positive_int("levels", levels)
    fired = torch.empty_like(currents)
    membrane = torch.full_like(currents[0], initial)
    for step, current in enumerate(currents):
        membrane = membrane + current / threshold
        fired[step] = membrane.floor().clamp_(0, levels)
        membrane = membrane - fired[step]
    return fired * threshold


class MultiThreshold(Site):
    """A site of an SNN: a layer of M-HT neurons over T steps.

    Args:
        ceiling: λ, scalar or `[C]`; the threshold is λ/L.
        timesteps: T.
        levels: L.
        coupling: how the steps' currents mix before they reach the neurons.
        channel_axis: axis of the channels.
    """

    def __init__(
        self,
        ceiling: Tensor,
        timesteps: int,
        levels: int,
        *,
        coupling: Coupling = Coupling.MEAN,
        channel_axis: int = 1,
    ) -> None:
        super().__init__(ceiling, channel_axis=channel_axis)
        self.timesteps = require_positive_int("timesteps", timesteps)
        self.levels = require_positive_int("levels", levels)
        self.coupling = coupling

    def forward(self, x: Tensor) -> Tensor:
        """Input currents `[T*B, ...]`, time-major, to output currents of the same shape."""
        currents = couple(unfold_time(x, self.timesteps), self.coupling)
        return fold_time(multithreshold(currents, self.ceiling_for(x) / self.levels, self.levels))

    def extra_repr(self) -> str:
        """Shown in a printed graph."""
        return f"T={self.timesteps}, L={self.levels}, {self.coupling.value}, ceilings={self.ceiling.numel()}"
