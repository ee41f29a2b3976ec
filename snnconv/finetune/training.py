"""The verb `train`: a quantized ANN (QCFS, Bu et al., ICLR 2022), or a spiking network from scratch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from snnconv.data.images import Images
from snnconv.data.opening import DataLike, as_images
from snnconv.finetune.build import open_training
from snnconv.finetune.fitting import class_count, prepare_training
from snnconv.finetune.loop import fit
from snnconv.finetune.metrics import EpochMetrics
from snnconv.finetune.run import RunFiles
from snnconv.finetune.settings import LoopSettings, TrainSettings
from snnconv.finetune.teacher import open_teacher
from snnconv.loading import ModelLike
from snnconv.model import Model
from snnconv.progress import Progress, no_progress

__all__ = ["origin", "train"]

RECIPE = TrainSettings()


def train(
    model: ModelLike,
    data: DataLike,
    settings: TrainSettings = RECIPE,
    *,
    eval_data: DataLike | None = None,
    teacher: ModelLike | None = None,
    progress: Progress = no_progress,
    on_epoch: Callable[[EpochMetrics], None] | None = None,
    device: torch.device | str | None = None,
    files: RunFiles | None = None,
) -> Model:
    """Train a quantized ANN, which converts to a spiking network without loss, or a spiking network from scratch.

    Args:
        model: ANN, or a quantized ANN with N = `settings.total_levels` to go on with; an `nn.Module`;
            `timm:NAME` or `zoo:NAME`, built for the data with random weights; or the path of an ONNX file. It
            is not changed.
        data: Labelled images: a data spec, `(x, y)` with samples `[n, ...]` as the network takes them, a Dataset, a
            DataLoader, or opened images.
        settings: Settings, by default the QCFS recipe; with `neuron` a spiking network is trained.
        eval_data: Data in any of these forms that are classified after every epoch; they do not influence the training.
        teacher: ANN of the same classes to distil from, in any form that `load` takes.
        progress: Display of the steps of each epoch.
        on_epoch: Function that is called after every epoch.
        device: Device to train on; by default a GPU where there is one. The result is on the CPU.
        files: Files for checkpoint and metrics, and whether to go on from them; None: none.

    Returns:
        The quantized ANN or SNN in evaluation mode, its settings, data and last metrics in the provenance.

    Raises:
        UnsupportedOperatorsError: Activations cannot become neurons; all are listed.
        DataError: Labels are missing, or the data's classes or shape are not the network's.
        DivergenceError: The loss or a parameter is no longer finite.
        FileError: A checkpoint is missing or damaged.
        InvalidValueError: Settings do not fit the network, the data, or the checkpoint.
    """
    TrainSettings.require(settings)
    timesteps = None if settings.neuron is None else settings.neuron.timesteps
    network, images = open_training(model, data, seed=settings.seed, timesteps=timesteps)
    held_out = None if eval_data is None else as_images(eval_data, network.input, "eval", name="eval_data")
    prepared = prepare_training(network, images, held_out, settings)
    log = fit(
        prepared,
        images,
        settings,
        classes=class_count(prepared),
        eval_data=held_out,
        teacher=open_teacher(teacher, prepared),
        progress=progress,
        on_epoch=on_epoch,
        device=device,
        files=files,
    )
    prepared.provenance["finetune"] = origin(settings, images, held_out, log)
    return replace(prepared, input=replace(images.input, classes=images.classes or network.input.classes))


def origin(
    settings: LoopSettings, images: Images, eval_data: Images | None, log: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the facts about a training for the provenance, without times: the same training writes the same file."""
    final = {name: value for name, value in log[-1].items() if name not in ("wall_s", "images_per_s")}
    return {
        "settings": settings.to_dict(),
        "seed": settings.seed,
        "data": images.spec,
        "images": len(images),
        "eval_data": None if eval_data is None else eval_data.spec,
        "metrics": final,
    }
