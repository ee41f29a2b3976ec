"""ANN -> quantized ANN -> SNN. `convert` is the pipeline; every step is a verb of its own beside it."""

from __future__ import annotations

import os
import time
import warnings
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from snnconv.convert.calibration import (
    AUTO,
    METHODS,
    Calibrated,
    CalibrationSettings,
    calibrate,
    calibrate_by,
    calibrate_causal,
    with_total_levels,
)
from snnconv.convert.calibration.images import CalibrationImages, check_images, draw_images
from snnconv.convert.plan import Plan, make_plan, prepare
from snnconv.convert.report import CalibrationReport, CausalReport, ConversionReport, SiteReport, Verification
from snnconv.convert.sites import is_rectifier, iter_sites
from snnconv.convert.spike import collapse, default_levels, spike
from snnconv.convert.verify import verify
from snnconv.errors import InvalidValueError, ModelError, SnnconvWarning
from snnconv.loading import load
from snnconv.model import Model, Stage
from snnconv.neurons import QCFS, Coupling
from snnconv.neurons.site import require_positive_int
from snnconv.progress import Progress, no_progress
from snnconv.zoo.datasets import Images

__all__ = [
    "CalibrationReport",
    "CalibrationSettings",
    "CausalReport",
    "ConversionReport",
    "Plan",
    "SiteReport",
    "Verification",
    "calibrate",
    "calibrate_causal",
    "collapse",
    "convert",
    "make_plan",
    "prepare",
    "spike",
    "verify",
]

DEFAULT_LEVELS = 4
VERIFICATION_IMAGES = 8
MOST_LEVELS = 1 << 16  # beyond it float32 no longer tells the levels of one ceiling apart well


def convert(
    model: str | os.PathLike[str] | nn.Module | Model,
    *,
    timesteps: int = 4,
    levels: int | None = None,
    coupling: Coupling | str = Coupling.MEAN,
    calibration_data: str | Images | Tensor | None = None,
    calibration_images: int = 1024,
    calibration: str | CalibrationSettings = AUTO,
    keep: str | os.PathLike[str] | None = None,
    merge_linear: bool = False,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Model:
    """Convert a trained network to a spiking one, and check the result.

    Args:
        model: anything that `load` takes: an ANN, which is calibrated, or a quantized ANN, which needs no data.
        timesteps: T >= 1.
        levels: L >= 1, firing levels per step; 4 by default, of a quantized ANN its own N divided by T.
        coupling: "mean" (exact; a layer waits for its window) or "causal" (step by step, with unevenness errors; where
            biases are calibrated, initial potentials and biases are then moved to suit the steps).
        calibration_data: unlabelled images: a data spec, opened data, or normalised images `[n, ...]`.
        calibration_images: at most so many of them are used, drawn by `seed`.
        calibration: how ceilings and biases are found: "max", "percentile", "mse", "balance", "bias", "reconstruct", or
            "auto", which chooses between the last two by what they would take; or all choices as CalibrationSettings.
        keep: a file that holds the finished blocks of a reconstruction while it runs: the same call goes on after an
            interruption.
        merge_linear: make one of linear operators in a row, and of parallel ones, where that costs no more.
        seed: of the draw.
        progress: shows the work.

    Returns:
        The SNN; its `report` is a ConversionReport. The given model is not changed.

    Raises:
        UnsupportedOperatorsError: nodes that cannot be converted, all at once, before any work.
        ModelError: there is nothing to convert, the network is spiking already, or its data change over time.
        InvalidValueError: T, L, the coupling or the number of images is outside what is allowed, or a tensor of images
            does not fit.
        DataError: the calibration data does not fit.
        VerificationError: the SNN differs from the quantized ANN that it must equal.

    Warns:
        SnnconvWarning: there is no calibration data, or less than asked for; no unit of some site was active on it; or
            a quantized ANN is converted with another N than its own.
    """
    started = time.perf_counter()
    settings = _settings(timesteps, levels, coupling, calibration_images, calibration)
    source = load(model)
    if source.stage is Stage.SNN:
        raise ModelError("The network is an SNN already: convert the network that it came from.")
    if source.input.timesteps is not None:
        raise ModelError(
            f"The network's data change over time ({source.input.timesteps} frames a sample): conversion is for still "
            "inputs, where a quantized network tells what each neuron must fire. Train a spiking network on such data."
        )
    ann = prepare(source, merge_linear=merge_linear)
    plan = make_plan(ann, settings.coupling)
    plan.require()
    levels = settings.levels_for(ann)
    total_levels = timesteps * levels
    if total_levels > MOST_LEVELS:
        raise InvalidValueError(f"N = L*T = {total_levels} levels; at most {MOST_LEVELS} are allowed. Give less.")
    images, calibrates = _images(ann, calibration_data, calibration_images, seed)
    calibrated = None
    if calibrates:
        file = None if keep is None else Path(keep)
        calibrated = calibrate_by(
            settings.calibration,
            ann,
            images.batches,
            total_levels,
            real=images.real,
            seed=seed,
            keep=file,
            progress=progress,
        )
    quantized = with_total_levels(ann, total_levels) if calibrated is None else calibrated.model
    snn = spike(quantized, timesteps, levels, settings.coupling)
    steps = None
    if settings.coupling is Coupling.CAUSAL and calibrated is not None and METHODS[calibrated.method].correct_bias:
        causal = calibrate_causal(ann, quantized, snn, images.batches, progress=progress)
        quantized, snn = causal.quantized, causal.snn
        steps = CausalReport(causal.images, causal.sites) if causal.sites else None
    check = verify(quantized, snn, images.batches[0][:VERIFICATION_IMAGES], ann=ann)
    snn.report = ConversionReport(
        timesteps,
        levels,
        total_levels,
        settings.coupling.value,
        images.description,
        images.count if calibrates else 0,
        _calibration_report(calibrated),
        steps,
        plan.on_means,
        check,
        time.perf_counter() - started,
    )
    snn.provenance["conversion"] = _provenance(snn.report, seed)
    return snn


@dataclass(frozen=True)
class _Settings:
    timesteps: int
    levels: int | None
    coupling: Coupling
    calibration: CalibrationSettings

    def levels_for(self, model: Model) -> int:
        """L: the one asked for, or the one that gives a quantized ANN its own N."""
        found = {site.total_levels for _, site in iter_sites(model.graph) if isinstance(site, QCFS)}
        if not found:
            return self.levels or DEFAULT_LEVELS
        levels = self.levels or default_levels(max(found), self.timesteps)
        if found != {levels * self.timesteps}:
            own = " and ".join(str(total) for total in sorted(found))
            warnings.warn(
                f"The network was trained with N={own} levels and is converted with N = L*T = "
                f"{levels * self.timesteps}; its own accuracy belongs to N={own}. Give --levels and --timesteps of "
                "that product.",
                SnnconvWarning,
                stacklevel=3,
            )
        return levels


def _settings(
    timesteps: int,
    levels: int | None,
    coupling: Coupling | str,
    images: int,
    calibration: str | CalibrationSettings,
) -> _Settings:
    require_positive_int("timesteps", timesteps)
    require_positive_int("calibration_images", images)
    if levels is not None:
        require_positive_int("levels", levels)
    if coupling not in (Coupling.MEAN, Coupling.CAUSAL):
        raise InvalidValueError(f"coupling is {coupling!r}: it must be 'mean' or 'causal'.")
    chosen = calibration if isinstance(calibration, CalibrationSettings) else CalibrationSettings(calibration)
    return _Settings(timesteps, levels, Coupling(coupling), chosen)


def _images(ann: Model, data: str | Images | Tensor | None, count: int, seed: int) -> tuple[CalibrationImages, bool]:
    """Images, and whether there is something to calibrate with them; a quantized ANN needs a few to verify with."""
    if not any(is_rectifier(site) for _, site in iter_sites(ann.graph)):
        drawn = draw_images(ann, None, VERIFICATION_IMAGES, seed)
        return replace(drawn, description="none: the ceilings are trained"), False
    images = draw_images(ann, data, count, seed)
    if images.real:
        check_images(ann, images)
    else:
        warnings.warn(
            f"No calibration data: {images.description} stand in, which costs accuracy. Give unlabelled images of the "
            "kind the network will see with --calibration-data (in Python: calibration_data=...).",
            SnnconvWarning,
            stacklevel=3,
        )
    return images, True


def _calibration_report(calibrated: Calibrated | None) -> CalibrationReport | None:
    if calibrated is None:
        return None
    return CalibrationReport(calibrated.method, calibrated.reason, calibrated.epochs, calibrated.blocks)


def _provenance(report: ConversionReport, seed: int) -> dict[str, Any]:
    return {
        "timesteps": report.timesteps,
        "levels": report.levels,
        "coupling": report.coupling,
        "calibration": report.calibration,
        "calibration_images": report.calibration_images,
        "causal_images": None if report.causal is None else report.causal.images,
        "calibration_method": None if report.method is None else asdict(report.method),
        "seed": seed,
        "tolerance": report.verification.tolerance,
        "torch": torch.__version__,
    }
