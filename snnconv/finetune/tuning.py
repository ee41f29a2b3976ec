"""The verb `finetune`: train a spiking network further, as it spikes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from snnconv.data.opening import DataLike, as_images
from snnconv.errors import ModelError
from snnconv.finetune.continuation import continued
from snnconv.finetune.fitting import check_batch, check_data, class_count
from snnconv.finetune.loop import fit
from snnconv.finetune.metrics import EpochMetrics
from snnconv.finetune.processes import is_main_process
from snnconv.finetune.run import RunFiles
from snnconv.finetune.settings import FinetuneSettings
from snnconv.finetune.teacher import open_teacher
from snnconv.finetune.training import origin
from snnconv.loading import ModelLike, load_for
from snnconv.model import SNN
from snnconv.progress import Progress, no_progress

__all__ = ["finetune"]

RECIPE = FinetuneSettings()


def finetune(
    model: ModelLike,
    data: DataLike,
    settings: FinetuneSettings = RECIPE,
    *,
    eval_data: DataLike | None = None,
    teacher: ModelLike | None = None,
    progress: Progress = no_progress,
    on_epoch: Callable[[EpochMetrics], None] | None = None,
    device: torch.device | str | None = None,
    files: RunFiles | None = None,
) -> SNN:
    """Train a spiking network further: its weights, and the coupling and leak of LM-HT neurons.

    Args:
        model: SNN, or the path of its ONNX file. It is not changed.
        data: Labelled images: a data spec, `(x, y)` with samples `[n, ...]` as the network takes them, a Dataset, a
            DataLoader, or opened images.
        settings: Settings, by default the hybrid recipe of LM-HT. Another T or L than the network's starts from its
            equivalent with ceilings calibrated anew.
        eval_data: Data in any of these forms that are classified after every epoch; they do not influence the training.
        teacher: ANN to distil from, in any form that `load` takes.
        progress: Display of the steps of each epoch.
        on_epoch: Function that is called after every epoch.
        device: Device to train on; by default a GPU where there is one. The result is on the CPU.
        files: Files for checkpoint and metrics, and whether to go on from them; None: none.

    Returns:
        The SNN in evaluation mode, its settings, data and last metrics in the provenance.

    Raises:
        ModelError: The network is no SNN, or its sites cannot be the neurons that are asked for.
        DataError: Labels are missing, or the data's classes or shape are not the network's.
        DivergenceError: The loss or a parameter is no longer finite.
        FileError: A file or a checkpoint is missing or damaged.
        InvalidValueError: Settings do not fit the network, the data, or the checkpoint.
    """
    FinetuneSettings.require(settings)
    network = load_for(model, data, "train")
    if not isinstance(network, SNN):
        raise ModelError(
            f"Only an SNN is fine-tuned; this network is at the stage {network.stage.value}: convert it first, or "
            "train it with `train`."
        )
    images = as_images(data, network.input, "train")
    held_out = None if eval_data is None else as_images(eval_data, network.input, "eval", name="eval_data")
    check_data(network, images, held_out)
    check_batch(network, images, settings)
    student = continued(network, images, settings, progress=progress if is_main_process() else no_progress)
    log = fit(
        student,
        images,
        settings,
        classes=class_count(student),
        eval_data=held_out,
        teacher=open_teacher(teacher, student),
        progress=progress,
        on_epoch=on_epoch,
        device=device,
        files=files,
    )
    student.provenance["finetune"] = origin(settings, images, held_out, log)
    return replace(student, input=replace(network.input, classes=images.classes or network.input.classes))
