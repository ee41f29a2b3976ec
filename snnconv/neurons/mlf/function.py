r"""MLF, multi-level firing (Feng et al., IJCAI 2022, eq. 6 to 8).

    u_k,t = decay·u_k,t-1·(1 - o_k,t-1) + x_t/θ      k = 1..K
    o_k,t = 1[u_k,t > first + k - 1]                 (strict; hard reset)
    s_t   = sum_k o_k,t

Symbols: K membranes in each neuron, all fed the same current x; u their potentials before firing in units of θ, o
their spikes, first (0.6) the threshold of the first membrane, θ = λ/K what one spike is worth: with λ = K the paper's
neuron. The output θ·s_t is a current.

Backward: do_k/du_k = slope of a surrogate at u_k - (first + k - 1); the paper's is rectangular of width 1, whose
windows tile the axis. The reset's (1 - o) is not detached.
"""

from __future__ import annotations

import torch
from torch import Tensor

from snnconv.errors import InvalidValueError
from snnconv.neurons.site import Observer, in_single, require_positive_int
from snnconv.neurons.surrogate import Surrogate, spike

__all__ = ["DECAY", "FIRST", "multilevel"]

DECAY = 0.25
FIRST = 0.6


def multilevel(
    currents: Tensor,
    threshold: Tensor,
    levels: int = 3,
    *,
    decay: float = DECAY,
    first: float = FIRST,
    surrogate: Surrogate | None = None,
    observe: Observer | None = None,
) -> Tensor:
    """Run multi-level firing neurons through T steps.

    Args:
        currents: `[T, ...]`.
        threshold: θ > 0, what one spike is worth, broadcastable to `currents[0]`, in units of the current.
        levels: K >= 1, membranes a neuron.
        decay: share of a potential that is left after a step, from 0 to 1.
        first: threshold of the first membrane in units of θ; each further one is 1 higher.
        surrogate: whose slope is the gradient of a spike; rectangular:1 by default.
        observe: given the potential of the first membrane at each step before it fires, shifted to fire at 1/2.

    Returns:
        Output currents θ·s_t, `[T, ...]`.

    Raises:
        InvalidValueError: K is not a positive integer, or the decay is not from 0 to 1.

    Source: Feng et al., "Multi-Level Firing with Spiking DS-ResNet: Enabling Better and Deeper Directly-Trained
    Spiking Neural Networks", IJCAI 2022.

    >>> multilevel(torch.tensor([0.5, 0.5, 2.0]), torch.tensor(1.0))
    tensor([0., 1., 2.])
    """
    require_positive_int("levels", levels)
    if not 0 <= decay <= 1:
        raise InvalidValueError(f"decay is {decay!r}: it must be a number from 0 to 1.")
    left = [torch.zeros_like(in_single(currents[0])) for _ in range(levels)]
    fired = []
    for current in in_single(currents):
        drive = current / threshold
        total = drive
        for k in range(levels):
            u = decay * left[k] + drive
            if observe is not None and k == 0:
                observe(u + (0.5 - first))
            o = spike(u - (first + k), surrogate)
            left[k] = u * (1 - o)
            total = o if k == 0 else total + o
        fired.append(total)
    return (torch.stack(fired) * threshold).to(currents.dtype)
