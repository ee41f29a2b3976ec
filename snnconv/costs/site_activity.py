"""Activity of each site on data: spikes, firing rates, silent neurons."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from snnconv.neurons.spike_counts import SpikeCount

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
        power_of_two_spikes_per_image: Spikes in the power-of-two count; None without time.
        graded_spikes_per_image: Spikes in the graded count, those that are not 0; None without time.
    """

    name: str
    neurons: int
    total_levels: int | None
    spikes_per_image: float | None
    firing_rate: float | None
    mean_level_fraction: float | None
    zero_fraction: float
    power_of_two_spikes_per_image: float | None = None
    graded_spikes_per_image: float | None = None

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
        self.spikes = torch.zeros(len(SpikeCount), dtype=torch.float64)

    def add(self, activations: Tensor) -> None:
        """Add a batch of a site without levels, `[B, ...]`."""
        self.images += len(activations)
        self.values += activations.numel()
        self.silent += activations.numel() - int(activations.count_nonzero())

    def add_spikes(self, levels: Tensor, counts: Tensor) -> Tensor:
        """Add a batch of a site that fires.

        Args:
            levels: Unit spikes of each neuron over its window, `[B, ...]`.
            counts: Spikes of each neuron over the batch, `[3, ...]`: in the three counts.

        Returns:
            Their sum in each count, `[3]`.
        """
        self.add(levels)
        total = counts.flatten(1).sum(1).cpu()
        self.spikes = self.spikes + total
        return total

    def mean(self, name: str, timesteps: int | None) -> SiteActivity:
        """Return the averages over all batches.

        Args:
            name: Name of the site's node.
            timesteps: T of the spiking network; None without time.
        """
        unary, power_of_two, graded = self.spikes.tolist()
        fires, stepped = self.highest is not None, self.highest is not None and timesteps is not None
        return SiteActivity(
            name,
            self.values // self.images,
            self.highest,
            unary / self.images if fires else None,
            unary / self.values / timesteps if fires and timesteps is not None else None,
            unary / self.values / self.highest if self.highest is not None else None,
            self.silent / self.values,
            power_of_two / self.images if stepped else None,
            graded / self.images if stepped else None,
        )
