"""What a choice of levels found, in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from snnconv.spiking.sites import in_words

__all__ = ["PrecisionPoint", "PrecisionReport"]


@dataclass(frozen=True)
class PrecisionPoint:
    """One assignment of levels to sites, measured.

    Attributes:
        energy_pj_per_image: an estimate by operations, in picojoules (counting/energy.py).
        spikes_per_image: unit spikes of all sites.
        predicted_error: of the logits: the sum of the errors of the sites, each quantized alone (sensitivity.py).
        error: measured: squared error of the logits as a share of their variance, less what all images have in common.
        agreement: percent of the calibration images with the ANN's arg-max.
        total_levels: N of each site, in the order of execution.
    """

    energy_pj_per_image: float
    spikes_per_image: float
    predicted_error: float
    error: float
    agreement: float
    total_levels: tuple[int, ...]

    @property
    def mean_total_levels(self) -> float:
        """Mean N of the sites."""
        return sum(self.total_levels) / len(self.total_levels)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {**asdict(self), "mean_total_levels": self.mean_total_levels}

    @property
    def where(self) -> str:
        """Its levels in words.

        >>> PrecisionPoint(1.0, 1.0, 0.0, 0.0, 100.0, (8, 16)).where
        'N=8..16 (mixed)'
        """
        words = in_words(self.total_levels)
        return f"N={words}" if "mixed" in words else f"N={words} everywhere"


@dataclass(frozen=True)
class PrecisionReport:
    """How many levels each site got, and what others would have cost.

    Attributes:
        floor: the least N that a site could get.
        candidates: N that a site could get.
        sites: their names in the user's file, in the order of execution.
        reason: why `chosen` was chosen.
        front: assignments that no other beats by prediction, measured, by energy.
        uniform: the same N everywhere, measured the same way.
        chosen: the assignment, as measured for the choice.
        result: the assignment after the final calibration.
        images: how many images the assignments were calibrated and compared on.
        sensitivity_images: how many the sites' errors were measured on.
        energy_images: how many spikes were counted on.
    """

    floor: int
    candidates: tuple[int, ...]
    sites: tuple[str, ...]
    reason: str
    front: tuple[PrecisionPoint, ...]
    uniform: tuple[PrecisionPoint, ...]
    chosen: PrecisionPoint
    result: PrecisionPoint
    images: int
    sensitivity_images: int
    energy_images: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {
            **asdict(self),
            "front": [point.to_dict() for point in self.front],
            "uniform": [point.to_dict() for point in self.uniform],
            "chosen": self.chosen.to_dict(),
            "result": self.result.to_dict(),
        }
