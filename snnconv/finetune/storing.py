"""Store a training in its files, and take it up again from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from snnconv.errors import DivergenceError
from snnconv.finetune.checkpoint import Checkpoint, copy_into, save_checkpoint
from snnconv.finetune.metrics import write_metrics
from snnconv.finetune.optimization import load_optimizer
from snnconv.finetune.run import RunFiles

if TYPE_CHECKING:
    from snnconv.finetune.trainer import Trainer

__all__ = ["diverged", "restore_trainer", "save_trainer"]


def save_trainer(trainer: Trainer, files: RunFiles) -> None:
    """Write the checkpoint and the metrics of a training.

    Raises:
        FileError: A file cannot be written.
    """
    checkpoint = Checkpoint(
        settings=trainer.settings.to_dict(),
        identity=trainer.identity,
        epoch=trainer.epoch,
        step=trainer.step,
        sums=trainer.sums,
        log=trainer.log,
        network=trainer.graph.state_dict(),
        optimizer=trainer.optimizer.state_dict(),
        average={} if trainer.average is None else trainer.average.module.state_dict(),
    )
    save_checkpoint(files.checkpoint, checkpoint)
    write_metrics(files.metrics, trainer.log)


def restore_trainer(trainer: Trainer, files: RunFiles) -> None:
    """Go on from the checkpoint, where the files say so.

    Raises:
        FileError: The checkpoint is missing, damaged, or of another network.
        InvalidValueError: It is of another training.
    """
    checkpoint = files.load(trainer.settings.to_dict(), trainer.identity)
    if checkpoint is None:
        return
    copy_into(trainer.graph.state_dict(), checkpoint.network, files.checkpoint)
    if trainer.average is not None:
        copy_into(trainer.average.module.state_dict(), checkpoint.average, files.checkpoint)
    load_optimizer(trainer.optimizer, checkpoint.optimizer)
    trainer.epoch, trainer.step = checkpoint.epoch, checkpoint.step
    trainer.sums, trainer.log = checkpoint.sums, checkpoint.log
    if trainer.schedule is not None:
        trainer.schedule.step_update((trainer.epoch - 1) * len(trainer.batches) + trainer.step)
    if trainer.accelerator.is_main_process:
        write_metrics(files.metrics, trainer.log)  # a kill may have left them an epoch behind


def diverged(
    reason: str, epoch: int, step: int, images: Sequence[int], lr: float, files: RunFiles | None
) -> DivergenceError:
    """Return the error of a training that diverged.

    Args:
        reason: Value that is no longer finite, in words.
        epoch: Epoch, counted from 1.
        step: Step of the epoch, counted from 1.
        images: Positions of the images of the step's batch.
        lr: Learning rate of the settings.
        files: Files of the training; None: none.
    """
    shown = ", ".join(map(str, images[:8])) + (", ..." if len(images) > 8 else "")
    checkpoint = ""
    if files is not None and files.checkpoint.exists():
        checkpoint = (
            f" The last good checkpoint is kept in {files.checkpoint}. It goes on with the same settings: "
            "remove it to start anew with others."
        )
    return DivergenceError(
        f"{reason} in epoch {epoch}, step {step} (a batch of the images {shown} of the data): the training "
        f"diverged. Lower lr (it is {lr:g}), add warmup_epochs or clip gradients.{checkpoint}"
    )
