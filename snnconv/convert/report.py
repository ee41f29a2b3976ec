"""What a conversion did, in numbers."""

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
        name: of the activation in the user's file.
        total_levels: N.
        ceilings: how many there are, one or one a channel.
        ceiling_min: the lowest λ.
        ceiling_max: the highest λ.
        clipping: what lies above the ceiling.
        quantization: what is lost between the levels.
        unevenness: what differs because spikes arrive unevenly in time.
        difference: largest difference of time mean and quantized activation, given the same spikes before them, as a
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
        images: how many were compared.
        tolerance: the smallest power of ten that covers the largest difference of any site, as a share of its ceiling.
        logits_difference: largest difference of the outputs, relative to the largest output.
        agreement: share of images with the same arg-max, in percent.
        sites: one a site.
    """

    images: int
    tolerance: float
    logits_difference: float
    agreement: float
    sites: tuple[SiteReport, ...]


@dataclass(frozen=True)
class CalibrationReport:
    """How ceilings and biases were found.

    Attributes:
        method: by name.
        reason: why "auto" chose it; empty where the user did.
        epochs: of a reconstruction, else None.
        blocks: of a reconstruction: the squared error of each block before and after, as a share of its variance.
        expected_agreement: without data, between which shares of images in percent the same arg-max as the ANN's is
            expected; None where there were data, which tell better.
    """

    method: str
    reason: str
    epochs: int | None
    blocks: tuple[BlockError, ...]
    expected_agreement: tuple[float, float] | None = None


@dataclass(frozen=True)
class CausalReport:
    """What was moved to suit the steps of a causal network.

    Attributes:
        images: how many it took.
        sites: one a site.
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
        coupling: mean or causal.
        calibration: what the ceilings and biases come from, in words.
        calibration_images: how many images that took.
        method: how ceilings and biases were found; None where they were trained.
        precision: how the levels of each site were chosen; None where they were given.
        causal: what was moved to suit the steps of a causal network; None where nothing was.
        on_means: operators that are computed once, on the time mean of their input.
        verification: the check before anything is written.
        wall_s: seconds it took.
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
        """JSON-ready form."""
        return {**asdict(self), "precision": None if self.precision is None else self.precision.to_dict()}
