"""Activity of each site on data: spikes, firing rates, silent neurons."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["SiteActivity", "SiteSums"]


@dataclass(frozen=True)
class SiteActivity:
    """Activity of one site, averaged over the images counted.

    Attributes:
        name: Name of its node in the ONNX file.
        neurons: Number of neurons.
        total_levels: N, the most unit spikes of one neuron; None for a site without levels.
        spikes_per_image: Unit spikes over the whole window, a spike of level k counted k times; of a
            quantized network the levels; None for a site without levels, such as a ReLU.
        firing_rate: Unit spikes per neuron and time step; None without time.
        mean_level_fraction: Mean of the level over the highest level N; None without levels.
        zero_fraction: Share of neurons that stay at 0 for an image.
    """

    name: str
    neurons: int
    total_levels: int | None
    spikes_per_image: float | None
    firing_rate: float | None
    mean_level_fraction: float | None
    zero_fraction: float

    def to_dict(self) -> dict[str, Any]:
        """Return all of it JSON-ready."""
        return asdict(self)


class SiteSums:
    """Sums of one site over images.

    Args:
        highest: N, the most unit spikes that one neuron can fire for an image; None for a site without
            levels.
    """

    def __init__(self, highest: int | None) -> None:
        self.highest = highest
        self.images = self.values = self.silent = 0
        self.spikes = 0.0

    def add(self, levels: Tensor) -> float:
        """Add a batch.

        Args:
            levels: Unit spikes of each neuron, `[B, ...]`, or activations where there are no levels.

        Returns:
            Their sum.
        """
        self.images += len(levels)
        self.values += levels.numel()
        self.silent += int((levels == 0).sum())
        spikes = float(levels.sum(dtype=torch.float64))
        self.spikes += spikes
        return spikes

    def mean(self, name: str, timesteps: int | None) -> SiteActivity:
        """Return the averages over all batches.

        Args:
            name: Name of the site's node.
            timesteps: T of the spiking network; None without time.
        """
        fires = self.highest is not None
        return SiteActivity(
            name,
            self.values // self.images,
            self.highest,
            self.spikes / self.images if fires else None,
            self.spikes / self.values / timesteps if fires and timesteps is not None else None,
            self.spikes / self.values / self.highest if self.highest is not None else None,
            self.silent / self.values,
        )
