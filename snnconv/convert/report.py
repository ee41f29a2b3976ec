"""The figures of a conversion."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from snnconv.convert.allocation.report import PrecisionReport
from snnconv.convert.calibration.causal import CausalSite
from snnconv.convert.calibration.differential import SigmaDeltaSite
from snnconv.convert.calibration.taking_back import TakingBackSite
from snnconv.spiking.blocks import BlockError

__all__ = [
    "CalibrationReport",
    "CausalReport",
    "ConversionReport",
    "DifferentialReport",
    "SiteReport",
    "TellingSite",
    "Verification",
]


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
class TellingSite:
    """One site of differential coupling after conversion.

    Attributes:
        name: Name of the activation in the user's file.
        thresholds: Number of thresholds: one, or one a channel.
        threshold_min: Lowest θ.
        threshold_max: Highest θ.
        levels: L of the uniform code, else None.
        octaves: K of the power-of-two code, else None.
        error: Mean absolute difference of what readers know after T steps and the activation of what the site was told,
            as a share of the mean activation.
        unsettled: Share of units that have more to tell after T steps: more than the dead zone, or levels that L cut.
        messages: Mean number of messages of a unit in T steps.
        difference: Largest difference of the network and its messages at this site, in thresholds.
    """

    name: str
    thresholds: int
    threshold_min: float
    threshold_max: float
    levels: int | None
    octaves: int | None
    error: float
    unsettled: float
    messages: float
    difference: float


@dataclass(frozen=True)
class Verification:
    """Quantized ANN against SNN, in double precision, so that no rounding stands between them.

    Under differential coupling the SNN is compared with the messages that its neurons send, run by their own rule; with
    power-of-two messages the outputs are the ANN's.

    Attributes:
        images: Number of images that were compared.
        tolerance: Smallest power of ten that covers the largest difference of any site, as a share of its ceiling.
        logits_difference: Largest difference of the outputs, relative to the largest output.
        agreement: Share of images with the same arg-max, in percent; None where the first output names no classes.
        sites: Each site in the order of execution; none under differential coupling.
        telling: Each site under differential coupling.
    """

    images: int
    tolerance: float
    logits_difference: float
    agreement: float | None
    sites: tuple[SiteReport, ...]
    telling: tuple[TellingSite, ...] = ()


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
class DifferentialReport:
    """The calibration of a network of differential coupling on its own steps.

    Attributes:
        images: Number of images that it took.
        sites: Each site after it.
    """

    images: int
    sites: tuple[SigmaDeltaSite, ...] | tuple[TakingBackSite, ...]


@dataclass(frozen=True)
class ConversionReport:
    """A conversion.

    Attributes:
        timesteps: T.
        levels: L, the most of any site; None where neurons tell powers of two.
        total_levels: N = L*T, the most of any site; None likewise.
        coupling: Name of the coupling.
        code: Messages of differential coupling, else None.
        octaves: K of power-of-two messages, the most of any site; else None.
        calibration: Source of the ceilings and biases, in words.
        calibration_images: Number of images that it took.
        method: Calibration of ceilings and biases; None where they were trained.
        precision: Choice of the levels of each site; None where the user stated them.
        causal: Calibration on the steps of a causal network; None where there was none.
        differential: Calibration of differential coupling on its own steps; None where there was none.
        on_means: Operators that are computed once, on the time mean of their input.
        verification: Check before anything is written.
        wall_s: Seconds that the conversion took.
        levels_reason: Clause that says why N is another than most networks get by default; else empty.
    """

    timesteps: int
    levels: int | None
    total_levels: int | None
    coupling: str
    code: str | None
    octaves: int | None
    calibration: str
    calibration_images: int
    method: CalibrationReport | None
    precision: PrecisionReport | None
    causal: CausalReport | None
    differential: DifferentialReport | None
    on_means: tuple[str, ...]
    verification: Verification
    wall_s: float
    levels_reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary that is ready for JSON."""
        return {**asdict(self), "precision": None if self.precision is None else self.precision.to_dict()}
