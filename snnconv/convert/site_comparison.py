"""One site of a spiking network beside the same site of its quantized ANN, summed up over images."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from snnconv.convert.report import SiteReport
from snnconv.neurons import QuantizedSite
from snnconv.neurons.qcfs import qcfs
from snnconv.spiking.site_errors import site_errors

__all__ = ["TOLERANCE", "SiteComparison", "largest_magnitude", "site_report"]

TOLERANCE = 1e-6  # of a ceiling, in double precision, under mean coupling: far below one level, far above rounding


@dataclass
class SiteComparison:
    """Running sums of one site over images.

    Attributes:
        activation: Sum of the activations' magnitudes.
        clipping: Sum of the clipping errors' magnitudes.
        quantization: Sum of the quantization errors' magnitudes.
        unevenness: Sum of the unevenness errors' magnitudes.
        difference: Largest difference of the activations, as a share of the ceiling.
        current: Largest difference of the currents, as a share of the ceiling.
    """

    activation: float = 0.0
    clipping: float = 0.0
    quantization: float = 0.0
    unevenness: float = 0.0
    difference: float = 0.0
    current: float = 0.0

    def add(self, site: QuantizedSite, cap: float, current: Tensor, spikes: Tensor, quantized_current: Tensor) -> None:
        """Add one batch: all three errors are taken at the mean current that the spiking site itself received.

        Args:
            site: The quantized site.
            cap: Value at which the activation saturates by itself.
            current: Time means of the currents that the spiking site received, `[B, ...]`.
            spikes: Time means of its output.
            quantized_current: Currents of the quantized site; where one is on the edge of two levels, either is right.
        """
        ceiling = site.ceiling_for(current)
        errors = site_errors(current, spikes, ceiling, site.total_levels, signed=site.signed, cap=cap)
        self.activation += errors.activation
        self.clipping += errors.clipping
        self.quantization += errors.quantization
        self.unevenness += errors.unevenness
        edges = (
            qcfs(quantized_current + side * TOLERANCE * ceiling, ceiling, site.total_levels, site.signed)
            for side in (-1, 1)
        )
        difference = torch.stack([(spikes - edge).abs() for edge in edges]).amin(0)
        self.difference = max(self.difference, largest_magnitude(difference / ceiling))
        self.current = max(self.current, largest_magnitude((current - quantized_current) / ceiling))


def site_report(name: str, site: QuantizedSite, sums: SiteComparison) -> SiteReport:
    """Return the report of one site.

    Args:
        name: Name of the activation in the user's file.
        site: The quantized site.
        sums: Sums over all images.
    """
    whole = sums.activation or 1.0
    return SiteReport(
        name=name,
        total_levels=site.total_levels,
        ceilings=site.ceiling.numel(),
        ceiling_min=float(site.ceiling.min()),
        ceiling_max=float(site.ceiling.max()),
        clipping=sums.clipping / whole,
        quantization=sums.quantization / whole,
        unevenness=sums.unevenness / whole,
        difference=sums.difference,
    )


def largest_magnitude(x: Tensor) -> float:
    """Return the largest magnitude; infinity where there is a NaN, which no comparison would notice."""
    value = float(x.abs().max())
    return math.inf if math.isnan(value) else value
