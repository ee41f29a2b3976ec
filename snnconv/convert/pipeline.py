"""The conversion, from a trained network to a spiking one that is checked: one step after the other."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from snnconv.convert.allocation import AllocatedLevels, choose_levels, require_choice
from snnconv.convert.allocation.request import LevelsRequest, LevelsSettings, read_request
from snnconv.convert.calibration import (
    METHODS,
    CalibrationSettings,
    Levels,
    calibrate_by,
    calibrate_causal,
    with_total_levels,
)
from snnconv.convert.calibration.batches import evenly
from snnconv.convert.calibration.expectation import expected_agreement
from snnconv.convert.calibration.images import DEFAULT_IMAGES, CalibrationImages, images_for, make_images
from snnconv.convert.calibration.method import AUTO
from snnconv.convert.fixed_levels import fixed_levels
from snnconv.convert.report import CalibrationReport, CausalReport, ConversionReport
from snnconv.convert.verification import affordable_images, verify
from snnconv.data.opening import DataLike
from snnconv.errors import InvalidValueError, ModelError
from snnconv.loading import ModelLike, load_for
from snnconv.model import SNN, Model, QuantizedANN, typed
from snnconv.neurons import Coupling, NeuronSettings
from snnconv.neurons.site import require_positive_int
from snnconv.progress import Progress, no_progress
from snnconv.spiking.named_neurons import spike_as
from snnconv.spiking.plan import Plan, make_plan, prepare
from snnconv.spiking.unrolling import spike

__all__ = ["convert"]

DEFAULT_NEURON = "mht"


def convert(
    model: ModelLike,
    *,
    timesteps: int = 4,
    levels: int | None = None,
    total_levels: int | str | None = None,
    budget_energy_pj: float | None = None,
    budget_accuracy: float | None = None,
    coupling: Coupling | str = Coupling.MEAN,
    neuron: str = DEFAULT_NEURON,
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
        total_levels: N = L*T of all sites, which T divides, in the place of `levels`; or "auto:FLOOR": N of each site
            by how sensitive the outputs are to it and what its spikes cost, FLOOR at least and 8 times that at most.
        budget_energy_pj: Estimated energy of one image that "auto" must not exceed, in picojoules.
        budget_accuracy: Percent of the calibration images to which "auto" must give the ANN's arg-max: images are
            unlabelled.
        coupling: "mean" (exact; a layer waits for its window) or "causal" (step by step, with unevenness errors; where
            biases are calibrated, initial potentials and biases are then moved to suit the steps).
        neuron: Name of the neurons, as `NeuronSettings` takes it. "mht" fires what the quantized network computes;
            others have a coupling of their own, mostly causal, and fire as their own rule says.
        calibration_data: Unlabelled images: a data spec, samples `[n, ...]` as the network takes them, a Dataset, a
            DataLoader, or opened images. Labels beside them are not looked at.
        calibration_images: Most images that are used, drawn by `seed`.
        calibration: Name of the method that finds ceilings and biases, such as "mse", "bias" or "reconstruct"; "auto"
            chooses between the last two by what they would take; or all choices as CalibrationSettings.
        keep: File that holds the finished blocks of a reconstruction while it runs: the same call goes on after an
            interruption.
        merge_linear: True to make one of linear operators in a row, and of parallel ones, where that costs no more.
        seed: Seed of the draw.
        progress: Display of the progress.

    Returns:
        The SNN; its `report` is a ConversionReport. The given model is not changed.

    Raises:
        UnsupportedOperatorsError: Nodes that cannot be converted, all at once, before any work.
        ModelError: There is nothing to convert, the network is spiking already, or its data change over time.
        InvalidValueError: T, L, N, the coupling or the number of images is outside what is allowed, a budget cannot be
            met, or a tensor of images does not fit.
        DataError: The calibration data does not fit.
        VerificationError: The SNN differs from the quantized ANN that it must equal.

    Warns:
        SnnconvWarning: There is no calibration data, or less than asked for; no unit of some site was active on it; a
            quantized ANN is converted with another N than its own; or FLOOR is no multiple of T, or a budget that the
            choice of levels met is exceeded after the final calibration.
    """
    started = time.perf_counter()
    request = read_request(LevelsSettings(timesteps, levels, total_levels, budget_energy_pj, budget_accuracy))
    choices = _Choices.of(timesteps, request, coupling, neuron, calibration, keep, seed, progress)
    require_positive_int("calibration_images", calibration_images)
    task = _prepared(load_for(model, calibration_data, "calibration"), choices, merge_linear=merge_linear)
    images = images_for(task.source, task.ann, calibration_data, calibration_images, task.checked, seed, progress)
    allocated = _allocated(task, images)
    quantized, calibration_report = _quantized(task, images, allocated)
    snn, quantized, causal_report = _spiking(task, images, quantized, calibration_report)
    verification = verify(quantized, snn, torch.cat(evenly(images.batches, task.checked)), ann=task.ann)
    snn.report = ConversionReport(
        timesteps=timesteps,
        levels=snn.levels,
        total_levels=snn.levels * timesteps,
        coupling=choices.coupling.value,
        calibration=images.description,
        calibration_images=0 if calibration_report is None else images.count,
        method=calibration_report,
        precision=None if allocated is None else allocated.finished(quantized, request),
        causal=causal_report,
        on_means=task.plan.on_means,
        verification=verification,
        wall_s=time.perf_counter() - started,
    )
    snn.provenance["conversion"] = _provenance(snn.report, seed)
    return snn


@dataclass(frozen=True)
class _Choices:
    """The choices of one conversion, after all checks that need no network."""

    timesteps: int
    request: LevelsRequest
    coupling: Coupling
    neuron: str
    calibration: CalibrationSettings
    keep: Path | None
    seed: int
    progress: Progress

    @staticmethod
    def of(
        timesteps: int,
        request: LevelsRequest,
        coupling: Coupling | str,
        neuron: str,
        calibration: str | CalibrationSettings,
        keep: str | os.PathLike[str] | None,
        seed: int,
        progress: Progress,
    ) -> _Choices:
        if coupling not in (Coupling.MEAN, Coupling.CAUSAL):
            raise InvalidValueError(f"coupling is {coupling!r}: it must be 'mean' or 'causal'.")
        settings = calibration if isinstance(calibration, CalibrationSettings) else CalibrationSettings(calibration)
        NeuronSettings(neuron, timesteps)  # refuses a name that is none before any work
        file = None if keep is None else Path(keep)
        return _Choices(timesteps, request, Coupling(coupling), neuron, settings, file, seed, progress)


@dataclass(frozen=True)
class _Task:
    """A network that is to be converted.

    Attributes:
        source: The network as it was given, its batch-norms not folded.
        ann: The network as `prepare` returns it.
        plan: Fate of its nodes.
        levels: N of every site; None where levels are to be chosen.
        checked: Number of images that the result is verified on.
        choices: The choices of the conversion.
    """

    source: Model
    ann: Model
    plan: Plan
    levels: Levels | None
    checked: int
    choices: _Choices


def _prepared(source: Model, choices: _Choices, *, merge_linear: bool) -> _Task:
    """Return a network with its plan, or refuse it."""
    if isinstance(source, SNN):
        raise ModelError("The network is an SNN already: convert the network that it came from.")
    if source.input.timesteps is not None:
        raise ModelError(
            f"The network's data change over time ({source.input.timesteps} frames a sample): conversion is for still "
            "inputs, where a quantized network tells what each neuron must fire. Train a spiking network on such data."
        )
    ann = prepare(source, merge_linear=merge_linear)
    plan = make_plan(ann, choices.coupling)
    plan.require()
    levels: Levels | None = None
    if choices.request.floor is None:
        levels = fixed_levels(ann, choices.timesteps, choices.request.levels)
    else:
        require_choice(ann)
    return _Task(source, ann, plan, levels, affordable_images(ann, choices.timesteps), choices)


def _allocated(task: _Task, images: CalibrationImages) -> AllocatedLevels | None:
    """Choose N of each site, where that was asked for."""
    choices = task.choices
    if choices.request.floor is None:
        return None
    return choose_levels(
        task.ann,
        images.batches,
        choices.timesteps,
        choices.request,
        choices.calibration,
        progress=choices.progress,
    )


def _quantized(
    task: _Task, images: CalibrationImages, allocated: AllocatedLevels | None
) -> tuple[QuantizedANN, CalibrationReport | None]:
    """Quantize the ANN by calibration; a network that is quantized already gets its levels, and no report."""
    levels = task.levels if allocated is None else allocated.total_levels
    assert levels is not None
    if not images.calibrate:
        return typed(with_total_levels(task.ann, levels), QuantizedANN), None
    choices = task.choices
    calibrated = calibrate_by(
        choices.calibration,
        task.ann,
        images.batches,
        levels,
        real=images.real,
        seed=choices.seed,
        keep=choices.keep,
        progress=choices.progress,
    )
    expected = None
    if not images.real:
        others = make_images(task.source, max(1, images.count // 4), choices.seed + 1, choices.progress)
        expected = expected_agreement(task.ann, calibrated.model, choices.seed, others.batches)
    report = CalibrationReport(calibrated.method, calibrated.reason, calibrated.epochs, calibrated.blocks, expected)
    return calibrated.model, report


def _spiking(
    task: _Task, images: CalibrationImages, quantized: QuantizedANN, calibration: CalibrationReport | None
) -> tuple[SNN, QuantizedANN, CausalReport | None]:
    """Give the quantized ANN spikes; where biases were calibrated, causal coupling has them suit its steps."""
    choices = task.choices
    if choices.neuron == DEFAULT_NEURON:
        snn = spike(quantized, choices.timesteps, coupling=choices.coupling)
    else:
        snn = spike_as(choices.neuron, quantized, choices.timesteps, choices.coupling)
    moves_biases = calibration is not None and METHODS[calibration.method].correct_bias
    if choices.coupling is not Coupling.CAUSAL or not moves_biases:
        return snn, quantized, None
    causal = calibrate_causal(task.ann, quantized, snn, images.batches, progress=choices.progress)
    report = CausalReport(causal.images, causal.sites) if causal.sites else None
    return causal.snn, causal.quantized, report


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
