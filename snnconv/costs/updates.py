"""The cost of one update of one neuron: its potential at one time step, its decision and its reset.

| step | arithmetic | of |
|---|---|---|
| the current is added to the potential | 1 addition | every neuron; MLF: of each of its K membranes |
| leak | 1 multiplication | LIF, LM-HT; MLF: each membrane |
| coupling ω | T multiplications, T - 1 additions | LM-HT |
| decision | 1 comparison a level, counted as an addition | every neuron; signed: 2 a level |
| soft reset | 1 addition | M-HT, LM-HT, IF, LIF |
| hard reset | none, the potential is overwritten | IF and LIF with it, MLF |

A neuron is updated at every step, whether it fires or not. The mean of a mean-coupled window divides by T, which
belongs to the threshold and costs nothing.
"""

from __future__ import annotations

from torch import nn

from snnconv.errors import ModelError
from snnconv.neurons import NoForm, capabilities_of
from snnconv.neurons.forms import Update

__all__ = ["Update", "update_of"]


def update_of(site: nn.Module, timesteps: int) -> Update:
    """Return what one update of a neuron of a site takes.

    Args:
        site: A layer of neurons, or the quantized activation that mean-coupled multi-threshold neurons collapse to.
        timesteps: T.

    Raises:
        ModelError: it is no registered kind, or its kind states no cost.

    >>> import torch
    >>> from snnconv.neurons import LIF
    >>> update_of(LIF(torch.tensor(1.0), 4, 1, decay=0.5), 4)
    Update(additions=3, multiplications=1, reads=1, writes=1)
    """
    form = capabilities_of(site).update
    if isinstance(form, NoForm):
        raise ModelError(f"The cost of an update of {type(site).__name__} is not known: {form.reason}.")
    return form(site, timesteps)
