"""The loop that every training runs, in one process or in many, through accelerate."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch

from snnconv.data.images import Images
from snnconv.finetune.allocation import blocks_kept
from snnconv.finetune.input_scale import scale_first_layers, unit_scale
from snnconv.finetune.losses.objective import Objective
from snnconv.finetune.metrics import EpochMetrics
from snnconv.finetune.optimization import hold_unused
from snnconv.finetune.processes import open_accelerator
from snnconv.finetune.run import RunFiles, identity_of
from snnconv.finetune.settings import LoopSettings
from snnconv.finetune.trainer import Trainer
from snnconv.model import Model
from snnconv.progress import Progress, no_progress

__all__ = ["fit"]


def fit(
    model: Model,
    images: Images,
    settings: LoopSettings,
    *,
    classes: int,
    eval_data: Images | None = None,
    teacher: Model | None = None,
    progress: Progress = no_progress,
    on_epoch: Callable[[EpochMetrics], None] | None = None,
    device: torch.device | str | None = None,
    files: RunFiles | None = None,
) -> list[dict[str, Any]]:
    """Train a network in place: everything in it that has a gradient.

    Args:
        model: Model whose graph is trained; afterwards it is on the CPU, in evaluation mode.
        images: Labelled images.
        settings: Settings of the training.
        classes: Number of classes.
        eval_data: Images that are classified after every epoch; they do not influence the training.
        teacher: ANN to distil from.
        progress: Display of the steps of each epoch.
        on_epoch: Function that is called after every epoch, in the main process.
        device: Device to train on; by default a GPU where there is one, in a launched run the process's own.
        files: Files for checkpoint and metrics; None: none.

    Returns:
        The metrics of every epoch, ready for JSON.

    Raises:
        DivergenceError: The loss or a parameter is no longer finite.
        InvalidValueError: The batch cannot be shared by the processes, or a checkpoint is of another training.
        FileError: A checkpoint is missing or damaged, or cannot be written.
        ModelError: The network lacks what a loss needs.
    """
    accelerator = open_accelerator(device)
    home = accelerator.device if accelerator.num_processes > 1 or device is None else torch.device(device)
    identity = identity_of(model, images, teacher)
    scale = unit_scale([model] if teacher is None else [model, teacher], images)
    if scale != 1:
        images, eval_data = images.scaled(scale), None if eval_data is None else eval_data.scaled(scale)
        scale_first_layers(model.graph, scale)
    if teacher is not None:
        teacher = teacher.copy()
        scale_first_layers(teacher.graph, scale)
        teacher.graph.to(home)
    hold_unused(model.graph)
    objective = Objective(model.graph, settings, teacher)
    trainer = Trainer(model.graph, images, settings, objective, accelerator, home, classes)
    trainer.files, trainer.identity = files, identity
    alone = files.locked() if files is not None and accelerator.is_main_process else nullcontext()
    with alone, objective, blocks_kept(home):
        trainer.restore()
        log = trainer.run(eval_data, progress, on_epoch)
    model.graph.to("cpu").eval()
    scale_first_layers(model.graph, 1 / scale)
    model.graph.to(memory_format=torch.contiguous_format)  # weights as a file holds them
    return log
