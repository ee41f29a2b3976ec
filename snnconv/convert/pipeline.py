"""The conversion, from a trained network to a spiking one that is checked: one step after the other."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

import torch

from snnconv.convert.allocation import AllocatedLevels, choose_levels
from snnconv.convert.allocation.report import PrecisionReport
from snnconv.convert.allocation.request import LevelsSettings, read_request
from snnconv.convert.calibration import (
    METHODS,
    CalibrationSettings,
    calibrate_by,
    calibrate_causal,
    with_total_levels,
)
from snnconv.convert.calibration.batches import evenly
from snnconv.convert.calibration.differential import calibrate_sigma_delta
from snnconv.convert.calibration.expectation import expected_agreement
from snnconv.convert.calibration.images import DEFAULT_IMAGES, CalibrationImages, images_for, make_images
from snnconv.convert.calibration.method import AUTO
from snnconv.convert.calibration.taking_back import calibrate_taking_back
from snnconv.convert.coupling_settings import CouplingSettings
from snnconv.convert.message_verification import verify_messages
from snnconv.convert.report import (
    CalibrationReport,
    CausalReport,
    ConversionReport,
    DifferentialReport,
    Verification,
)
from snnconv.convert.task import DEFAULT_NEURON, ConversionChoices, ConversionTask, prepare_task
from snnconv.convert.verification import verify
from snnconv.data.opening import DataLike
from snnconv.loading import ModelLike, load_for
from snnconv.model import SNN, QuantizedANN, class_count, typed
from snnconv.neurons import Code, Coupling
from snnconv.neurons.site import require_positive_int
from snnconv.progress import Progress, no_progress
from snnconv.runtime.runnable import shapes_of
from snnconv.spiking.named_neurons import spike_as
from snnconv.spiking.unrolling import spike

__all__ = ["convert"]


def convert(
    model: ModelLike,
    *,
    timesteps: int = 4,
    levels: int | None = None,
    total_levels: int | str | None = None,
    budget_energy_pj: float | None = None,
    budget_accuracy: float | None = None,
    coupling: Coupling | str = Coupling.MEAN,
    code: Code | str | None = None,
    octaves: int | None = None,
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
        levels: L >= 1, firing levels per step; 4 by default, of a quantized ANN its own N divided by T, of a network
            with norms or attention 256 divided by T.
        total_levels: N = L*T of all sites, which T divides, in the place of `levels`; or "auto:FLOOR": N of each site
            by how sensitive the outputs are to it and what its spikes cost, FLOOR at least and 8 times that at most.
        budget_energy_pj: Estimated energy of one image that "auto" must not exceed, in picojoules.
        budget_accuracy: Percent of the calibration images to which "auto" must give the ANN's arg-max: images are
            unlabelled.
        coupling: "mean" (exact; a layer waits for its window), "causal" (step by step, with unevenness errors; where
            biases are calibrated, initial potentials and biases are then moved to suit the steps) or "differential"
            (step by step; neurons tell changes of their value, and take back what they told too early).
        code: Messages of differential coupling: "power-of-two", the default, whose neurons approach the ANN itself, or
            "uniform", whose neurons end at the quantized ANN's levels.
        octaves: K, the sizes that a power-of-two message may have; None: by measurement.
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
    messages = CouplingSettings(str(coupling), None if code is None else str(code), octaves)  # type: ignore[arg-type]
    choices = ConversionChoices.of(timesteps, request, messages, neuron, calibration, keep, seed, progress)
    require_positive_int("calibration_images", calibration_images)
    task = prepare_task(load_for(model, calibration_data, "calibration"), choices, merge_linear=merge_linear)
    images = images_for(task.source, task.ann, calibration_data, calibration_images, task.checked, seed, progress)
    allocated = _allocated(task, images)
    networks = _networks(task, images, allocated)
    checked = torch.cat(evenly(images.batches, task.checked))
    if choices.coupling is Coupling.DIFFERENTIAL:
        verification = verify_messages(networks.quantized or task.ann, networks.snn, checked)
    else:
        assert networks.quantized is not None
        verification = verify(networks.quantized, networks.snn, checked, ann=task.ann)
    return _reported(task, images, allocated, networks, verification, started)


@dataclass(frozen=True)
class _Networks:
    """The networks of one conversion, and how they were calibrated.

    Attributes:
        quantized: Quantized ANN, with the biases of the SNN; None where the neurons have no levels.
        snn: The spiking network.
        calibration: Report of the calibration; None where the ceilings are trained.
        causal: Report of the calibration on the steps of a causal network; None where there was none.
        differential: Report of the calibration of a differential network; None where there was none.
    """

    quantized: QuantizedANN | None
    snn: SNN
    calibration: CalibrationReport | None
    causal: CausalReport | None
    differential: DifferentialReport | None = None


def _allocated(task: ConversionTask, images: CalibrationImages) -> AllocatedLevels | None:
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
    task: ConversionTask, images: CalibrationImages, allocated: AllocatedLevels | None
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
    if not images.real and class_count(shapes_of(task.ann)[0]) is not None:
        others = make_images(task.source, max(1, images.count // 4), choices.seed + 1, choices.progress)
        expected = expected_agreement(task.ann, calibrated.model, choices.seed, others.batches)
    report = CalibrationReport(calibrated.method, calibrated.reason, calibrated.epochs, calibrated.blocks, expected)
    return calibrated.model, report


def _networks(task: ConversionTask, images: CalibrationImages, allocated: AllocatedLevels | None) -> _Networks:
    """Give the quantized ANN spikes; where biases were calibrated, couplings that stream have them suit their steps."""
    choices = task.choices
    if choices.messages.sends_powers:
        return _sigma_delta(task, images)
    quantized, calibration = _quantized(task, images, allocated)
    if choices.neuron == DEFAULT_NEURON:
        snn = spike(quantized, choices.timesteps, coupling=choices.coupling)
    else:
        snn = spike_as(choices.neuron, quantized, choices.timesteps, choices.coupling)
    moves_biases = calibration is not None and METHODS[calibration.method].correct_bias
    if choices.coupling is Coupling.MEAN or not moves_biases:
        return _Networks(quantized, snn, calibration, None)
    if choices.coupling is Coupling.DIFFERENTIAL:
        bipolar = calibrate_taking_back(task.ann, quantized, snn, images.batches, progress=choices.progress)
        report = DifferentialReport(bipolar.images, bipolar.sites)
        return _Networks(bipolar.quantized, bipolar.snn, calibration, None, report)
    causal = calibrate_causal(task.ann, quantized, snn, images.batches, progress=choices.progress)
    uneven = CausalReport(causal.images, causal.sites) if causal.sites else None
    return _Networks(causal.quantized, causal.snn, calibration, uneven)


def _sigma_delta(task: ConversionTask, images: CalibrationImages) -> _Networks:
    """Give the ANN neurons that tell powers of two."""
    choices = task.choices
    calibrated = calibrate_sigma_delta(
        task.ann,
        images.batches,
        choices.timesteps,
        choices.messages.octaves,
        ceilings=choices.calibration.ceilings,
        progress=choices.progress,
    )
    return _Networks(None, calibrated.snn, None, None, DifferentialReport(calibrated.images, calibrated.sites))


def _reported(
    task: ConversionTask,
    images: CalibrationImages,
    allocated: AllocatedLevels | None,
    networks: _Networks,
    verification: Verification,
    started: float,
) -> SNN:
    """Return the SNN with the report of its conversion."""
    snn, timesteps = networks.snn, task.choices.timesteps
    snn.report = ConversionReport(
        timesteps=timesteps,
        levels=None if task.choices.messages.sends_powers else snn.levels,
        total_levels=None if task.choices.messages.sends_powers else snn.levels * timesteps,
        coupling=task.choices.coupling.value,
        code=None if snn.code is None else snn.code.value,
        octaves=snn.octaves,
        calibration=images.description,
        calibration_images=images.count if images.calibrate else 0,
        method=networks.calibration,
        precision=_precision(allocated, networks, task.choices),
        causal=networks.causal,
        differential=networks.differential,
        on_means=task.plan.on_means,
        verification=verification,
        wall_s=time.perf_counter() - started,
        levels_reason=task.levels_reason,
    )
    snn.provenance["conversion"] = _provenance(snn.report, task.choices.seed)
    return snn


def _precision(
    allocated: AllocatedLevels | None, networks: _Networks, choices: ConversionChoices
) -> PrecisionReport | None:
    if allocated is None or networks.quantized is None:
        return None
    return allocated.finished(networks.quantized, choices.request)


def _provenance(report: ConversionReport, seed: int) -> dict[str, Any]:
    return {
        "timesteps": report.timesteps,
        "levels": report.levels,
        "total_levels": {site.name: site.total_levels for site in report.verification.sites},
        "coupling": report.coupling,
        "code": report.code,
        "octaves": report.octaves,
        "calibration": report.calibration,
        "calibration_images": report.calibration_images,
        "causal_images": None if report.causal is None else report.causal.images,
        "calibration_method": None if report.method is None else report.method.method,
        "seed": seed,
        "tolerance": report.verification.tolerance,
        "torch": torch.__version__,
    }
