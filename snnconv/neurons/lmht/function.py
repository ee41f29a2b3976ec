r"""LM-HT, the multi-threshold neuron with learned coupling and leak (Hao et al., NeurIPS 2024, section 4.2).

    I_t = sum_j ω_tj x_j           ω = 2·sigmoid(A)/T
    m_t = leak·v_{t-1} + I_t       leak = sigmoid(a) + 1/2
    s_t = clip(floor(m_t/θ), 0, L)     (signed: -L..L)
    v_t = m_t - θ·s_t              (soft reset)

Symbols: A `[T, T]` and a `[]` the parameters that are trained, ω coupling of the steps (T-GIM), the rest as in
M-HT (mht/function.py). At A = 0, a = 0 it is ω = 1/T, leak = 1: the multi-threshold neuron under mean coupling, so a
converted network starts as the quantized network that it came from.

Backward as in M-HT: the path through v_{t-1} is detached; dL/dω_tj = dL/dm_t·x_j and
dL/dleak = sum_t dL/dm_t·v_{t-1}.
"""

from __future__ import annotations

from torch import Tensor

__all__ = ["coupling_matrix", "leak_factor"]


def coupling_matrix(a: Tensor) -> Tensor:
    """Return ω = 2·sigmoid(A)/T of parameters A `[T, T]`; every entry between 0 and 2/T, 1/T at A = 0.

    >>> coupling_matrix(torch.zeros(2, 2))
    tensor([[0.5000, 0.5000],
            [0.5000, 0.5000]])
    """
    return a.sigmoid() * 2 / len(a)


def leak_factor(a: Tensor) -> Tensor:
    """Return the leak sigmoid(a) + 1/2 of a parameter `[]`; between 1/2 and 3/2, 1 at a = 0."""
    return a.sigmoid() + 0.5
