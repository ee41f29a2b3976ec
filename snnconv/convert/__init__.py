"""ANN -> quantized ANN -> SNN. `convert` is the pipeline; every step is a verb of its own beside it."""

from __future__ import annotations

import os
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from snnconv.convert.allocation import PrecisionReport, choose_levels, require_choice
from snnconv.convert.allocation.request import read_request
from snnconv.convert.calibration import (
    AUTO,
    METHODS,
    Calibrated,
    CalibrationSettings,
    Levels,
    calibrate,
    calibrate_by,
    calibrate_causal,
    with_total_levels,
)
from snnconv.convert.calibration.expectation import expected_agreement
from snnconv.convert.calibration.images import (
    DEFAULT_IMAGES,
    CalibrationImages,
    check_images,
    draw_images,
    evenly,
    make_images,
    random_images,
)
from snnconv.convert.report import CalibrationReport, CausalReport, ConversionReport, SiteReport, Verification
from snnconv.convert.verify import affordable_images, verify
from snnconv.data.opening import DataLike
from snnconv.errors import InvalidValueError, ModelError, SnnconvWarning
from snnconv.loading import ModelLike, load_for
from snnconv.model import SNN, Model, QuantizedANN, typed
from snnconv.neurons import Coupling
from snnconv.neurons.site import require_positive_int
from snnconv.progress import Progress, no_progress
from snnconv.spiking.plan import Plan, make_plan, prepare
from snnconv.spiking.sites import MOST_LEVELS, is_rectifier, iter_sites, total_levels_of
from snnconv.spiking.unrolling import collapse, default_levels, spike
from snnconv.verbs import make_callable

__all__ = [
    "CalibrationReport",
    "CalibrationSettings",
    "CausalReport",
    "ConversionReport",
    "Plan",
    "PrecisionReport",
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


def convert(
    model: ModelLike,
    *,
    timesteps: int = 4,
    levels: int | None = None,
    total_levels: int | str | None = None,
    budget_energy_pj: float | None = None,
    budget_accuracy: float | None = None,
    coupling: Coupling | str = Coupling.MEAN,
    calibration_data: DataLike | None = None,
    calibration_images: int = DEFAULT_IMAGES,
    calibration: str | CalibrationSettings = AUTO,
    keep: str | os.PathLike[str] | None = None,
    merge_linear: bool = False,
    seed: int = 0,
    progress: Progress = no_progress,
) -> SNN:
    """Convert a trained network to a spiking one, and check the result.

    Args:
        model: Anything that `load` takes: an ANN, which is calibrated, or a quantized ANN, which needs no data; a few
            images of data that are given for it serve to verify. The data tell the shape of an `nn.Module`'s input.
        timesteps: T >= 1.
        levels: L >= 1, firing levels per step; 4 by default, of a quantized ANN its own N divided by T.
        total_levels: in the place of `levels`, N = L*T of all sites, which T divides; or "auto:FLOOR": N of each site
            by how sensitive the outputs are to it and what its spikes cost, FLOOR at least and 8 times that at most.
        budget_energy_pj: of "auto", estimated energy of one image that must not be exceeded, in picojoules.
        budget_accuracy: of "auto", percent of the calibration images that must get the ANN's arg-max: images are
            unlabelled.
        coupling: "mean" (exact; a layer waits for its window) or "causal" (step by step, with unevenness errors; where
            biases are calibrated, initial potentials and biases are then moved to suit the steps).
        calibration_data: Unlabelled images: a data spec, samples `[n, ...]` as the network takes them, a Dataset, a
            DataLoader, or opened images. Labels beside them are not looked at.
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
        InvalidValueError: T, L, N, the coupling or the number of images is outside what is allowed, a budget cannot be
            met, or a tensor of images does not fit.
        DataError: the calibration data does not fit.
        VerificationError: the SNN differs from the quantized ANN that it must equal.

    Warns:
        SnnconvWarning: there is no calibration data, or less than asked for; no unit of some site was active on it; a
            quantized ANN is converted with another N than its own; or FLOOR is no multiple of T, or a budget that the
            choice of levels met is exceeded after the final calibration.
    """
    started = time.perf_counter()
    request = read_request(timesteps, levels, total_levels, budget_energy_pj, budget_accuracy)
    settings = _settings(timesteps, request.levels, coupling, calibration_images, calibration)
    source = load_for(model, calibration_data, "calibration")
    if isinstance(source, SNN):
        raise ModelError("The network is an SNN already: convert the network that it came from.")
    if source.input.timesteps is not None:
        raise ModelError(
            f"The network's data change over time ({source.input.timesteps} frames a sample): conversion is for still "
            "inputs, where a quantized network tells what each neuron must fire. Train a spiking network on such data."
        )
    ann = prepare(source, merge_linear=merge_linear)
    plan = make_plan(ann, settings.coupling)
    plan.require()
    totals: Levels = {}
    if request.floor is None:
        totals = settings.total_levels_for(ann)
    else:
        require_choice(ann)
    checked = affordable_images(ann, timesteps)
    images, calibrates = _images(source, ann, calibration_data, calibration_images, checked, seed, progress)
    chosen = calibrated = None
    if request.floor is not None:
        chosen = choose_levels(ann, images.batches, timesteps, request, settings.calibration, progress=progress)
        totals = chosen.total_levels
    if calibrates:
        file = None if keep is None else Path(keep)
        calibrated = calibrate_by(
            settings.calibration,
            ann,
            images.batches,
            totals,
            real=images.real,
            seed=seed,
            keep=file,
            progress=progress,
        )
    quantized = typed(with_total_levels(ann, totals), QuantizedANN) if calibrated is None else calibrated.model
    expected = None
    if calibrated is not None and not images.real:
        others = make_images(source, max(1, images.count // 4), seed + 1, progress)
        expected = expected_agreement(ann, quantized, seed, others.batches)
    snn = spike(quantized, timesteps, coupling=settings.coupling)
    steps = None
    if settings.coupling is Coupling.CAUSAL and calibrated is not None and METHODS[calibrated.method].correct_bias:
        causal = calibrate_causal(ann, quantized, snn, images.batches, progress=progress)
        quantized, snn = causal.quantized, causal.snn
        steps = CausalReport(causal.images, causal.sites) if causal.sites else None
    check = verify(quantized, snn, torch.cat(evenly(images.batches, checked)), ann=ann)
    snn.report = ConversionReport(
        timesteps,
        snn.levels,
        snn.levels * timesteps,
        settings.coupling.value,
        images.description,
        images.count if calibrates else 0,
        _calibration_report(calibrated, expected),
        None if chosen is None else chosen.finished(quantized, request),
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

    def total_levels_for(self, model: Model) -> Levels:
        """N of every site: T times the L asked for; of a quantized ANN its own, where T divides it."""
        sites = {str(node.target): total_levels_of(site) for node, site in iter_sites(model.graph)}
        found = {total for total in sites.values() if total is not None}
        levels = self.levels or (default_levels(max(found), self.timesteps) if found else DEFAULT_LEVELS)
        if levels * self.timesteps > MOST_LEVELS:
            raise InvalidValueError(
                f"N = L*T = {levels * self.timesteps} levels; at most {MOST_LEVELS} are allowed. Give less."
            )
        if found and self.levels is None and not any(total % self.timesteps for total in found):
            return {name: total or max(found) for name, total in sites.items()}
        if found - {levels * self.timesteps}:
            own = " and ".join(str(total) for total in sorted(found))
            warnings.warn(
                f"The network was trained with N={own} levels and is converted with N = L*T = "
                f"{levels * self.timesteps}; its own accuracy belongs to N={own}. Give --levels and --timesteps of "
                "that product.",
                SnnconvWarning,
                stacklevel=3,
            )
        return levels * self.timesteps


def _settings(
    timesteps: int,
    levels: int | None,
    coupling: Coupling | str,
    images: int,
    calibration: str | CalibrationSettings,
) -> _Settings:
    require_positive_int("calibration_images", images)
    if coupling not in (Coupling.MEAN, Coupling.CAUSAL):
        raise InvalidValueError(f"coupling is {coupling!r}: it must be 'mean' or 'causal'.")
    chosen = calibration if isinstance(calibration, CalibrationSettings) else CalibrationSettings(calibration)
    return _Settings(timesteps, levels, Coupling(coupling), chosen)


def _images(
    source: Model,
    ann: Model,
    data: DataLike | None,
    count: int,
    checked: int,
    seed: int,
    progress: Progress,
) -> tuple[CalibrationImages, bool]:
    """Images, and whether there is something to calibrate with them; a quantized ANN needs a few to verify with."""
    if not any(is_rectifier(site) for _, site in iter_sites(ann.graph)):
        return _for_verification(ann, data, min(count, checked), seed), False
    if data is not None:
        images = draw_images(ann, data, count, seed)
        check_images(ann, images)
        return images, True
    images = make_images(source, count, seed, progress)
    warnings.warn(
        f"No calibration data: {images.description}, stand in. What the network meets may go beyond ceilings that "
        "no image has tried, which costs accuracy. Give unlabelled images of the kind the network will see with "
        "--calibration-data (in Python: calibration_data=...).",
        SnnconvWarning,
        stacklevel=3,
    )
    return images, True


def _for_verification(ann: Model, data: DataLike | None, count: int, seed: int) -> CalibrationImages:
    """Images of a network that is quantized already: the user's, which are opened and checked, or random ones."""
    trained = "none: the ceilings are trained"
    if data is None:
        return replace(random_images(ann, count, seed), description=trained)
    images = draw_images(ann, data, count, seed, quiet=True)
    return replace(images, description=f"{trained}; {images.description}, serve to verify only")


def _calibration_report(
    calibrated: Calibrated | None, expected: tuple[float, float] | None
) -> CalibrationReport | None:
    if calibrated is None:
        return None
    return CalibrationReport(calibrated.method, calibrated.reason, calibrated.epochs, calibrated.blocks, expected)


def _provenance(report: ConversionReport, seed: int) -> dict[str, Any]:
    return {
        "timesteps": report.timesteps,
        "levels": report.levels,
        "total_levels": {site.name: site.total_levels for site in report.verification.sites},
        "coupling": report.coupling,
        "calibration": report.calibration,
        "calibration_images": report.calibration_images,
        "causal_images": None if report.causal is None else report.causal.images,
        "calibration_method": None if report.method is None else report.method.method,
        "seed": seed,
        "tolerance": report.verification.tolerance,
        "torch": torch.__version__,
    }


make_callable(__name__)
