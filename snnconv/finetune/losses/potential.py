r"""RMP-Loss, the membrane potential regulariser (Guo et al., ICCV 2023).

    L_RMP = mean over layers, time, batch and units of  min_k |u - k|²        k in 0..L, signed -L..L

Symbols: u membrane potential before firing in units where a spike is 1 and level k begins at k - 1/2, L levels of the
neuron. At L = 1 it is the paper's min(|u|, |1 - u|)². For more levels it is the distance to the level that fires
(derived).

The weight of L_RMP is a triangle over the epochs, 0 at both ends, with its peak at mid-training. (The paper's own
schedule could not be verified.)
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, fx

from snnconv.errors import ModelError
from snnconv.finetune.recomputation import recomputing
from snnconv.neurons import SpikingSite, reasons_against
from snnconv.spiking.sites import iter_sites

__all__ = ["PotentialLoss", "potential_loss", "triangle"]


def potential_loss(u: Tensor, levels: int = 1, signed: bool = False) -> Tensor:
    """Return the mean squared distance of membrane potentials to the level that they fire.

    Args:
        u: Potentials before firing, in units of the threshold, level k beginning at k - 1/2; any shape.
        levels: L, at least 1.
        signed: Levels from -L to L instead of 0 to L.

    Returns:
        A scalar, at least 0.

    >>> float(potential_loss(torch.tensor([-1.0, 0.0, 0.5, 3.0])))
    1.3125
    """
    nearest = u.detach().round().clamp_(-levels if signed else 0, levels)
    return (u - nearest).square().mean()


def triangle(epoch: int, epochs: int, peak: float) -> float:
    """Return the weight in one epoch, counted from 1: that of a triangle, at the epoch's middle.

    The triangle has its peak at mid-training.

    >>> [triangle(epoch, 5, 0.1) for epoch in (1, 3, 5)]
    [0.02, 0.1, 0.02]
    """
    middle = (epoch - 0.5) / epochs
    return round(peak * (1 - abs(2 * middle - 1)), 15)


class PotentialLoss:
    """Observer of the neurons of a network; `take` gives the loss of the potentials since the last call.

    Args:
        graph: Graph of a spiking network.
        sites: `inner` for all sites but the first and the last, or `all`.

    Raises:
        ModelError: There is no such site, or a kind of its neurons does not train with it.
    """

    def __init__(self, graph: fx.GraphModule, sites: str = "inner") -> None:
        neurons = [site for _, site in iter_sites(graph) if isinstance(site, SpikingSite)]
        if reasons := reasons_against(neurons, "rmp_loss"):
            raise ModelError(
                f"RMP-Loss (--rmp-loss, in Python rmp_loss) does not work with these neurons: {reasons[0]}. Leave it "
                "out."
            )
        self.sites = neurons[1:-1] if sites == "inner" else neurons
        if not self.sites:
            raise ModelError(
                f"RMP-Loss leaves out the first and the last of {len(neurons)} sites, and so all of them: let it take "
                "all (--rmp-sites all)."
            )
        self.losses: list[Tensor] = []

    def __enter__(self) -> PotentialLoss:
        for site in self.sites:
            site.observer = self._watch(site.levels, site.signed)
        return self

    def __exit__(self, *_: object) -> None:
        for site in self.sites:
            site.observer = None

    def _watch(self, levels: int, signed: bool) -> Callable[[Tensor], None]:
        def watch(u: Tensor) -> None:
            loss = potential_loss(u, levels, signed)  # the second time, too: it is a part of what is computed again
            if not recomputing():
                self.losses.append(loss)

        return watch

    def take(self) -> Tensor:
        """Return the mean over the sites and their steps since the last call."""
        losses, self.losses = self.losses, []
        return torch.stack(losses).mean()
