"""ANN -> quantized ANN without training, by one of several methods. One method or piece of one a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from snnconv.convert.calibration.auto import choose
from snnconv.convert.calibration.causal import CausalCalibration, calibrate_causal
from snnconv.convert.calibration.methods import AUTO, METHODS
from snnconv.convert.calibration.progress_file import ProgressFile, fingerprint
from snnconv.convert.calibration.reconstruct import EPOCHS, reconstruct
from snnconv.convert.calibration.settings import CalibrationSettings
from snnconv.convert.calibration.walk import Levels, calibrate, with_total_levels
from snnconv.model import Model, QuantizedANN
from snnconv.progress import Progress, no_progress
from snnconv.spiking.blocks import BlockError

__all__ = [
    "AUTO",
    "METHODS",
    "BlockError",
    "Calibrated",
    "CalibrationSettings",
    "CausalCalibration",
    "Levels",
    "calibrate",
    "calibrate_by",
    "calibrate_causal",
    "with_total_levels",
]


@dataclass(frozen=True)
class Calibrated:
    """What a calibration made.

    Attributes:
        model: the quantized ANN.
        method: by name, never "auto".
        reason: why "auto" chose it; empty where the user did.
        epochs: of the reconstruction; None where there was none.
        blocks: what became of each block of a reconstruction.
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
        settings: the method and its choices.
        ann: as `plan.prepare` returns it.
        batches: normalised images, `[B, ...]` each.
        total_levels: N, one for all sites or by the names of their modules.
        real: the images are the user's, not synthesised.
        seed: of the order of images.
        keep: file that holds the finished blocks of a reconstruction, so that an interrupted one goes on there; it is
            removed by who writes the result.
        progress: shows the work.
    """
    choice = choose(settings, ann, sum(map(len, batches)), real=real)
    method = METHODS[choice.settings.method]
    ann = _channels_last(ann)
    model = calibrate(
        ann,
        batches,
        total_levels,
        rule=method.rule,
        by_channel=choice.settings.ceilings == "channel",
        correct_bias=method.correct_bias,
        progress=progress,
    )
    if not method.reconstruct:
        model.graph.to(memory_format=torch.contiguous_format)
        return Calibrated(model, choice.settings.method, choice.reason, None, ())
    epochs = choice.settings.epochs or EPOCHS
    weights = choice.settings.reconstruct_weights
    kept = None
    if keep is not None:
        made_of = [*ann.graph.state_dict().values(), *model.graph.state_dict().values(), *batches]
        kept = ProgressFile(keep, fingerprint(made_of, {"epochs": epochs, "weights": weights, "seed": seed}))
    model, blocks = reconstruct(
        ann, model, batches, epochs=epochs, weights=weights, seed=seed, kept=kept, progress=progress
    )
    model.graph.to(memory_format=torch.contiguous_format)
    return Calibrated(model, choice.settings.method, choice.reason, epochs, blocks)


def _channels_last(model: Model) -> Model:
    """A copy that computes the same on images that lie channels last, which is faster on a CPU."""
    copy = model.copy()
    axes = {parameter.dim() for parameter in copy.graph.parameters()}
    if 4 in axes and 5 not in axes:
        copy.graph.to(memory_format=torch.channels_last)
    return copy
