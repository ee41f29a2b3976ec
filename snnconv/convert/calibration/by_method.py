"""ANN -> quantized ANN without training, by the method that the settings name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from snnconv.convert.calibration.method import METHODS, CalibrationJob
from snnconv.convert.calibration.settings import CalibrationSettings
from snnconv.convert.calibration.walk import Levels, calibrate
from snnconv.model import Model, QuantizedANN
from snnconv.progress import Progress, no_progress
from snnconv.spiking.blocks import BlockError

__all__ = ["Calibrated", "calibrate_by"]


@dataclass(frozen=True)
class Calibrated:
    """A calibrated network, and how it was calibrated.

    Attributes:
        model: The quantized ANN.
        method: Name of the method, never "auto".
        reason: Clause that says why "auto" chose it; empty where the user did.
        epochs: Passes of the reconstruction over the images; None where there was none.
        blocks: Errors of each block of a reconstruction, before and after.
    """

    model: QuantizedANN
    method: str
    reason: str
    epochs: int | None
    blocks: tuple[BlockError, ...]


def calibrate_by(
    settings: CalibrationSettings,
    ann: Model,
    batches: Sequence[Tensor],
    total_levels: Levels,
    *,
    real: bool = True,
    seed: int = 0,
    keep: Path | None = None,
    progress: Progress = no_progress,
) -> Calibrated:
    """Calibrate by the method of the settings.

    Args:
        settings: Method and its choices.
        ann: Network as `plan.prepare` returns it.
        batches: Normalised images, `[B, ...]` each.
        total_levels: N, one for all sites or by the names of their modules.
        real: True where the images are the user's, False where they are synthesised.
        seed: Seed of the order of images.
        keep: File that holds the finished blocks of a reconstruction, so that an interrupted one goes on there; who
            writes the result removes it.
        progress: Display of the progress.
    """
    job = CalibrationJob(settings, ann, batches, total_levels, real, seed, keep, progress)
    choice = METHODS[settings.method]().choose(job)
    job = replace(job, settings=choice.settings, ann=_channels_last(ann))
    method = METHODS[job.settings.method]()
    quantized = calibrate(
        job.ann,
        batches,
        total_levels,
        rule=method.ceilings,
        by_channel=job.settings.ceilings == "channel",
        correct_bias=method.correct_bias,
        progress=progress,
    )
    model, epochs, blocks = method.refine(job, quantized)
    model.graph.to(memory_format=torch.contiguous_format)
    return Calibrated(model, job.settings.method, choice.reason, epochs, blocks)


def _channels_last(model: Model) -> Model:
    """Return a copy that computes the same on images that lie channels last, which is faster on a CPU."""
    copy = model.copy()
    axes = {parameter.dim() for parameter in copy.graph.parameters()}
    if 4 in axes and 5 not in axes:
        copy.graph.to(memory_format=torch.channels_last)
    return copy
