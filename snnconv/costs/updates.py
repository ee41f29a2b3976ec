"""What one update of one neuron takes: its potential at one time step, its decision and its reset.

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

from dataclasses import dataclass

from torch import nn

from snnconv.neurons import QCFS, Coupling, Leaky, LearnableMultiThreshold, MultiLevel, SpikingSite

__all__ = ["Update", "update_of"]


@dataclass(frozen=True)
class Update:
    """What one update takes.

    Attributes:
        additions: additions and comparisons.
        multiplications: of the leak and the coupling.
        reads: words of state: each membrane, and where the neuron waits for its window the currents it received.
        writes: words of state.
    """

    additions: int
    multiplications: int
    reads: int
    writes: int


def update_of(site: nn.Module, timesteps: int) -> Update:
    """What one update of a neuron of a site takes.

    Args:
        site: a layer of neurons, or the QCFS or rectifier that mean-coupled multi-threshold neurons collapse to.
        timesteps: T.

    >>> import torch
    >>> update_of(Leaky(torch.tensor(1.0), 4, 1, decay=0.5), 4)
    Update(additions=3, multiplications=1, reads=1, writes=1)
    """
    if isinstance(site, MultiLevel):
        leaks = site.levels if 0 < site.decay < 1 else 0
        return Update(2 * site.levels, leaks, site.levels + 1, site.levels)
    if isinstance(site, SpikingSite):
        levels, waits = site.levels, site.coupling is Coupling.MEAN
    else:
        levels, waits = (site.total_levels // timesteps if isinstance(site, QCFS) else 1), True
    decision = 2 * levels if getattr(site, "signed", False) else levels
    if isinstance(site, Leaky):
        return Update(1 + decision + (site.reset == "soft"), int(0 < site.decay < 1), 1, 1)
    if isinstance(site, LearnableMultiThreshold):
        return Update(2 + decision + timesteps - 1, timesteps + 1, 1 + timesteps, 1)
    return Update(2 + decision, 0, 1 + waits, 1)
