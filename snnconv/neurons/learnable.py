r"""LM-HT, the multi-threshold neuron with learned coupling and leak (Hao et al., NeurIPS 2024, section 4.2).

    I_t = sum_j ω_tj x_j           ω = 2·sigmoid(A)/T
    m_t = leak·v_{t-1} + I_t       leak = sigmoid(a) + 1/2
    s_t = clip(floor(m_t/θ), 0, L)     (signed: -L..L)
    v_t = m_t - θ·s_t              (soft reset)

Symbols: A `[T, T]` and a `[]` the parameters that are trained, ω coupling of the steps (T-GIM), the rest as in
multithreshold.py. At A = 0, a = 0 it is ω = 1/T, leak = 1: the multi-threshold neuron under mean coupling, so a
converted network starts as the quantized network that it came from.

Backward as in multithreshold.py: the path through v_{t-1} is detached; dL/dω_tj = dL/dm_t·x_j and
dL/dleak = sum_t dL/dm_t·v_{t-1}.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snnconv.neurons.coupling import Coupling
from snnconv.neurons.multithreshold import multithreshold
from snnconv.neurons.site import Observer, SpikingSite

__all__ = ["LearnableMultiThreshold", "coupling_matrix", "leak_factor"]


def coupling_matrix(a: Tensor) -> Tensor:
    """ω = 2·sigmoid(A)/T of parameters A `[T, T]`; every entry between 0 and 2/T, 1/T at A = 0.

    >>> coupling_matrix(torch.zeros(2, 2))
    tensor([[0.5000, 0.5000],
            [0.5000, 0.5000]])
    """
    return a.sigmoid() * 2 / len(a)


def leak_factor(a: Tensor) -> Tensor:
    """Leak = sigmoid(a) + 1/2 of a parameter `[]`; between 1/2 and 3/2, 1 at a = 0."""
    return a.sigmoid() + 0.5


class LearnableMultiThreshold(SpikingSite):
    """A site of an SNN: a layer of LM-HT neurons over T steps.

    Args:
        ceiling: λ, scalar or `[C]`; the threshold is λ/L.
        timesteps: T.
        levels: L.
        initial: v_0 in units of θ: 1/2, where levels round to the nearest, as in a converted network; 0 in those
            that the paper trains from scratch.
        rectified: train with the membrane potential rectifier; inference is the same without it.
        signed: whether levels from -L to L are fired, or from 0 to L.
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

    def run(self, currents: Tensor, threshold: Tensor, observe: Observer | None, out: Tensor | None = None) -> Tensor:
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
            out=out,
        )
