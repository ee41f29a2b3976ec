"""The figures of a conversion."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from snnconv.convert.allocation.report import PrecisionReport
from snnconv.convert.calibration.causal import CausalSite
from snnconv.spiking.blocks import BlockError

__all__ = ["CalibrationReport", "CausalReport", "ConversionReport", "SiteReport", "Verification"]


@dataclass(frozen=True)
class SiteReport:
    """One site after conversion. The three errors are mean absolute errors as a share of the mean activation.

    Attributes:
        name: Name of the activation in the user's file.
        total_levels: N.
        ceilings: Number of ceilings: one, or one a channel.
        ceiling_min: Lowest λ.
        ceiling_max: Highest λ.
        clipping: Error by what lies above the ceiling.
        quantization: Error by what is lost between the levels.
        unevenness: Error because spikes arrive unevenly in time.
        difference: Largest difference of time mean and quantized activation, given the same spikes before them, as a
            share of the ceiling; a current on the edge of two levels counts as either.
    """

    name: str
    total_levels: int
    ceilings: int
    ceiling_min: float
    ceiling_max: float
    clipping: float
    quantization: float
    unevenness: float
    difference: float


@dataclass(frozen=True)
class Verification:
    """Quantized ANN against SNN, in double precision, so that no rounding stands between them.

    Attributes:
        images: Number of images that were compared.
        tolerance: Smallest power of ten that covers the largest difference of any site, as a share of its ceiling.
        logits_difference: Largest difference of the outputs, relative to the largest output.
        agreement: Share of images with the same arg-max, in percent.
        sites: Each site in the order of execution.
    """

    images: int
    tolerance: float
    logits_difference: float
    agreement: float
    sites: tuple[SiteReport, ...]


@dataclass(frozen=True)
class CalibrationReport:
    """The calibration: how ceilings and biases were found.

    Attributes:
        method: Name of the method.
        reason: Clause that says why "auto" chose it; empty where the user did.
        epochs: Epochs of a reconstruction, else None.
        blocks: Squared error of each block of a reconstruction before and after, as a share of its variance.
        expected_agreement: Least and highest share of images, in percent, that are expected to get the ANN's arg-max;
            None where there were data, which tell better.
    """

    method: str
    reason: str
    epochs: int | None
    blocks: tuple[BlockError, ...]
    expected_agreement: tuple[float, float] | None = None


@dataclass(frozen=True)
class CausalReport:
    """The calibration of a causal network on its own steps.

    Attributes:
        images: Number of images that it took.
        sites: Each site before and after.
    """

    images: int
    sites: tuple[CausalSite, ...]


@dataclass(frozen=True)
class ConversionReport:
    """A conversion.

    Attributes:
        timesteps: T.
        levels: L, the most of any site.
        total_levels: N = L*T, the most of any site.
        coupling: Name of the coupling, mean or causal.
        calibration: Source of the ceilings and biases, in words.
        calibration_images: Number of images that it took.
        method: Calibration of ceilings and biases; None where they were trained.
        precision: Choice of the levels of each site; None where the user stated them.
        causal: Calibration on the steps of a causal network; None where there was none.
        on_means: Operators that are computed once, on the time mean of their input.
        verification: Check before anything is written.
        wall_s: Seconds that the conversion took.
    """

    timesteps: int
    levels: int
    total_levels: int
    coupling: str
    calibration: str
    calibration_images: int
    method: CalibrationReport | None
    precision: PrecisionReport | None
    causal: CausalReport | None
    on_means: tuple[str, ...]
    verification: Verification
    wall_s: float

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary that is ready for JSON."""
        return {**asdict(self), "precision": None if self.precision is None else self.precision.to_dict()}
