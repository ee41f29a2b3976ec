"""The figures of an allocation of levels."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from snnconv.spiking.sites import in_words

__all__ = ["PrecisionPoint", "PrecisionReport"]


@dataclass(frozen=True)
class PrecisionPoint:
    """One assignment of levels to sites, measured.

    Attributes:
        energy_pj_per_image: Energy estimated by operations, in picojoules (costs/energy.py).
        spikes_per_image: Unit spikes of all sites.
        predicted_error: Predicted error of the logits: the sum of the errors of the sites, each quantized alone
            (sensitivity.py).
        error: Measured squared error of the logits as a share of their variance, without what all images have in
            common.
        agreement: Percent of the calibration images with the ANN's arg-max; None where the first output names no
            classes.
        total_levels: N of each site, in the order of execution.
    """

    energy_pj_per_image: float
    spikes_per_image: float
    predicted_error: float
    error: float
    agreement: float | None
    total_levels: tuple[int, ...]

    @property
    def mean_total_levels(self) -> float:
        """The mean N of the sites."""
        return sum(self.total_levels) / len(self.total_levels)

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary that is ready for JSON."""
        return {**asdict(self), "mean_total_levels": self.mean_total_levels}

    @property
    def where(self) -> str:
        """The levels in words.

        >>> PrecisionPoint(1.0, 1.0, 0.0, 0.0, 100.0, (8, 16)).where
        'N=8..16 (mixed)'
        """
        words = in_words(self.total_levels)
        return f"N={words}" if "mixed" in words else f"N={words} everywhere"


@dataclass(frozen=True)
class PrecisionReport:
    """The levels of each site, and the cost of others.

    Attributes:
        floor: Least N that a site could get.
        candidates: Numbers N that a site could get.
        sites: Names of the sites in the user's file, in the order of execution.
        reason: Clause that says why `chosen` was chosen.
        front: Measured assignments that no other beats by prediction, in the order of energy.
        uniform: Assignments of the same N everywhere, measured in the same way.
        chosen: The assignment, as it was measured for the choice.
        result: The assignment after the final calibration.
        images: Number of images that assignments were calibrated and compared on.
        sensitivity_images: Number of images that the sites' errors were measured on.
        energy_images: Number of images that spikes were counted on.
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
        """Return a dictionary that is ready for JSON."""
        return {
            **asdict(self),
            "front": [point.to_dict() for point in self.front],
            "uniform": [point.to_dict() for point in self.uniform],
            "chosen": self.chosen.to_dict(),
            "result": self.result.to_dict(),
        }
