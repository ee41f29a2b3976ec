"""Units that have not settled when the window of a network of differential coupling ends, by site.

    code uniform:       S_T != k_T, the sum of levels is not that of the quantized activation: L cut some step
    code power-of-two:  |u| >= dead_zone·2^-(K-1), a next step would send one more message

Symbols: those of `snnconv.neurons.bipolar.function` and `snnconv.neurons.sigma_delta.function`. Where nothing is cut,
the uniform code's answer is that of the quantized network.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from snnconv.data.images import Images
from snnconv.graph.access import display_name
from snnconv.graph.hooks import hooked
from snnconv.model import Model
from snnconv.neurons import Coupling, SpikingSite
from snnconv.progress import Progress, no_progress
from snnconv.runtime.running import placed
from snnconv.spiking.sites import iter_sites

__all__ = ["UnsettledSite", "UnsettledUnits", "unsettled_units"]


@dataclass(frozen=True)
class UnsettledSite:
    """Unsettled units of one site.

    Attributes:
        name: Name of its node in the ONNX file.
        units: Number of neurons.
        share: Share of the neurons of all images that have not settled, from 0 to 1.
    """

    name: str
    units: int
    share: float


@dataclass(frozen=True)
class UnsettledUnits:
    """Unsettled units of a network.

    Attributes:
        images: Number of images that were watched.
        sites: The sites, in the order of execution.
    """

    images: int
    sites: tuple[UnsettledSite, ...]

    @property
    def share(self) -> float:
        """Return the share of all units of all sites and images, from 0 to 1."""
        return sum(site.share * site.units for site in self.sites) / sum(site.units for site in self.sites)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it JSON-ready."""
        sites = [{"name": site.name, "units": site.units, "share": site.share} for site in self.sites]
        return {"share": self.share, "images": self.images, "sites": sites}


def unsettled_units(
    model: Model, images: Images, *, count: int, batch_size: int, progress: Progress = no_progress
) -> UnsettledUnits | None:
    """Run a network over some images and count the units that have not settled after the last step.

    Args:
        model: Network of any stage; it is not changed.
        images: Images opened for it.
        count: Number of images to watch, the first ones; 0: none.
        batch_size: Images at a time.
        progress: Receiver of each batch's progress.

    Returns:
        The counts; None where no image is to be watched, or the network takes nothing back.
    """
    if not count or model.coupling is not Coupling.DIFFERENTIAL:
        return None
    graph = model.copy().graph.eval()
    sites = [(node, site) for node, site in iter_sites(graph) if isinstance(site, SpikingSite)]
    counts = [0 for _ in sites]
    watched = images.first(count)
    batches = progress(watched.batches(batch_size), "Watching sites", math.ceil(len(watched) / batch_size))
    with torch.inference_mode(), hooked((site, _counter(counts, place)) for place, (_, site) in enumerate(sites)):
        for x, _ in batches:
            graph(placed(x, model))
    units = [math.prod(node.meta["shape"]) for node, _ in sites]
    return UnsettledUnits(
        len(watched),
        tuple(
            UnsettledSite(display_name(node), size, moving / (size * len(watched)))
            for (node, _), size, moving in zip(sites, units, counts, strict=True)
        ),
    )


def _counter(counts: list[int], place: int) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    """Return a hook of a site that adds its unsettled units to one of the counts."""

    def count(site: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> None:
        assert isinstance(site, SpikingSite)
        moving = site.unsettled(site.window_value(inputs[0]), site.window_value(out))
        counts[place] += 0 if moving is None else int(moving.sum())

    return count
