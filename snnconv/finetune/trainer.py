"""Epochs and steps of a training."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, fx

from snnconv.data.images import Images
from snnconv.errors import DivergenceError, InvalidValueError
from snnconv.finetune.batches import Batches
from snnconv.finetune.losses.objective import Objective
from snnconv.finetune.metrics import EpochMetrics, epoch_metrics
from snnconv.finetune.mixing import Mixing
from snnconv.finetune.optimization import build_average, build_optimizer, build_schedule
from snnconv.finetune.processes import broadcast_buffers, shared_accuracy
from snnconv.finetune.recomputation import Blockwise
from snnconv.finetune.records import Records
from snnconv.finetune.run import RunFiles
from snnconv.finetune.settings import LoopSettings
from snnconv.finetune.storing import diverged, restore_trainer, save_trainer
from snnconv.progress import Progress, no_progress
from snnconv.spiking.sites import iter_sites

__all__ = ["SMALLEST_CEILING", "Trainer"]

SMALLEST_CEILING = 1e-3  # a ceiling must stay above 0 whatever the optimizer does
CHECKPOINT_S = 300.0  # seconds of one epoch between two checkpoints; the end of an epoch is always one


class Trainer:
    """A graph with its optimizer, schedule and data.

    Args:
        graph: Graph to train, in place.
        images: Labelled images.
        settings: Settings of the training.
        objective: Loss that is minimised.
        accelerator: Accelerate's object for the processes of the run.
        device: Device to train on.
        classes: Number of classes.

    Attributes:
        files: Files for checkpoint and metrics; None: none.
        identity: Network and data, which a checkpoint must agree with.

    Raises:
        InvalidValueError: The batch cannot be shared by the processes.
    """

    def __init__(
        self,
        graph: fx.GraphModule,
        images: Images,
        settings: LoopSettings,
        objective: Objective,
        accelerator: Any,
        device: torch.device,
        classes: int,
    ) -> None:
        processes = accelerator.num_processes
        if settings.batch_size % (processes * settings.accumulate) or len(images) < processes:
            raise InvalidValueError(
                f"batch_size is {settings.batch_size}: {processes} processes and accumulate={settings.accumulate} must "
                "share it in equal parts. Give a multiple of their product."
            )
        self.settings, self.objective, self.accelerator, self.device = settings, objective, accelerator, device
        self.graph = graph.to(device)
        self.channels_last = settings.channels_last and all(parameter.dim() < 5 for parameter in graph.parameters())
        if self.channels_last:
            self.graph.to(memory_format=torch.channels_last)
        ceilings = [site.get_parameter("ceiling") for _, site in iter_sites(graph)]
        self.ceilings = [ceiling for ceiling in ceilings if ceiling.requires_grad]
        self.trained = [parameter for parameter in graph.parameters() if parameter.requires_grad]
        self.batches = Batches(images, settings, device, rank=accelerator.process_index, processes=processes)
        self.mixing = Mixing(settings, classes) if settings.mixup or settings.cutmix else None
        self.optimizer = build_optimizer(graph, settings)
        self.schedule = build_schedule(self.optimizer, settings, len(self.batches))
        self.average = build_average(graph, settings)
        network = Blockwise(graph) if settings.checkpoint_blocks else graph
        self.network = accelerator.prepare_model(network, device_placement=False) if processes > 1 else network
        self.records = Records(accelerator, device)
        self.files: RunFiles | None = None
        self.identity: dict[str, Any] = {}
        self.epoch, self.step = 1, 0
        self.sums: dict[str, float] = {}
        self.log: list[dict[str, Any]] = []
        self.saved = 0.0

    def run(
        self, eval_data: Images | None, progress: Progress, on_epoch: Callable[[EpochMetrics], None] | None
    ) -> list[dict[str, Any]]:
        """Train until the last epoch is done; the result is the moving average where there is one.

        Args:
            eval_data: Images that are classified after every epoch.
            progress: Display of the steps of each epoch.
            on_epoch: Function that is called after every epoch.

        Returns:
            The metrics of every epoch, ready for JSON.
        """
        while self.epoch <= self.settings.epochs:
            metrics = self._epoch(eval_data, progress if self.accelerator.is_main_process else no_progress)
            self.log.append(metrics.to_dict())
            self.epoch, self.step, self.sums = self.epoch + 1, 0, {}
            self.save()
            if self.accelerator.is_main_process and on_epoch is not None:
                on_epoch(metrics)
        if self.average is not None:
            self.graph.load_state_dict(self.average.module.state_dict())
        return self.log

    def _epoch(self, eval_data: Images | None, progress: Progress) -> EpochMetrics:
        """Train on every batch that is left, then evaluate."""
        start = self.saved = time.perf_counter()
        self.graph.train()
        left = len(self.batches) - self.step
        lr = self._train_batches(progress, left)
        trained_s = time.perf_counter() - start
        if self.accelerator.num_processes > 1:
            broadcast_buffers([self.graph] if self.average is None else [self.graph, self.average.module])
        self._check_state()
        graph = self.graph if self.average is None else self.average.module
        accuracy = None if eval_data is None else self._accuracy(graph, eval_data)
        return epoch_metrics(
            self.epoch,
            self.sums,
            eval_accuracy=accuracy,
            lr=lr,
            images_per_s=left * self.batches.batch_size / trained_s,
            wall_s=time.perf_counter() - start,
        )

    def _train_batches(self, progress: Progress, left: int) -> float:
        """Train on every batch of the epoch that is left, and return the learning rate of the last step."""
        lr = self._lr()
        batches = self.batches.epoch(self.epoch, done=self.step)
        for x, y in progress(batches, f"epoch {self.epoch}/{self.settings.epochs}", left):
            self.step += 1
            lr = self._lr()
            self._step(x, y)
            if self.records.full:
                self._add_records()
            due = time.perf_counter() - self.saved > CHECKPOINT_S and not self.records
            if due and self.step < len(self.batches):
                self._check_state()
                self.save()
        self._add_records()
        return lr

    def _step(self, x: Tensor, y: Tensor) -> None:
        """Take one step of the optimizer, and record its loss."""
        if self.channels_last and x.dim() == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        targets = y
        if self.mixing is not None:
            x, targets = self.mixing(x, y, epoch=self.epoch, step=self.step)
        self.optimizer.zero_grad(set_to_none=True)
        names, means = self._backward(x, targets)
        if self.settings.clip:
            torch.nn.utils.clip_grad_norm_(self.graph.parameters(), self.settings.clip)
        self.optimizer.step()
        self.records.add(self.step, names, means, torch.nn.utils.get_total_norm(self.trained))
        self._after_step()

    def _backward(self, x: Tensor, targets: Tensor) -> tuple[list[str], list[tuple[int, list[Tensor]]]]:
        """Add up the gradients of the parts of a batch.

        Args:
            x: Inputs, `[B, ...]`.
            targets: Labels `[B]`, or probabilities `[B, classes]`.

        Returns:
            Names of the loss and its parts, and for each part of the batch the number of its images, the means of the
            named values and last how many images are classified rightly.
        """
        names: list[str] = []
        means = []
        count = self.settings.accumulate
        parts = list(zip(x.chunk(count, self.batches.images.input.batch_axis), targets.chunk(count), strict=True))
        for number, (part_x, part_targets) in enumerate(parts, start=1):
            waits = self.accelerator.no_sync(self.network) if number < len(parts) else nullcontext()
            with waits:
                loss, logits, losses = self.objective(self.network, part_x, part_targets, self.epoch)
                (loss * (len(part_targets) / len(targets))).backward()  # type: ignore[no-untyped-call]
            classes = part_targets if part_targets.dim() == 1 else part_targets.argmax(1)
            right = (logits.detach().argmax(1) == classes).sum()
            names = ["loss", *(f"part.{name}" for name in losses)]
            means.append((len(part_targets), [loss.detach(), *losses.values(), right]))
        return names, means

    def _add_records(self) -> None:
        """Add what the last steps recorded to the sums of the epoch, and stop where they diverged."""
        for record in self.records.fetch():
            if not record.finite:
                raise self._diverged(f"The loss is {record.sums['loss'] / record.sums['seen']}", record.step)
            if not math.isfinite(record.norm):
                self._check_state(record.step)
            for name, value in record.sums.items():
                self.sums[name] = self.sums.get(name, 0.0) + value

    def _after_step(self) -> None:
        with torch.no_grad():
            for ceiling in self.ceilings:
                ceiling.clamp_(min=SMALLEST_CEILING)
        done = (self.epoch - 1) * len(self.batches) + self.step
        if self.average is not None:
            self.average.update(self.graph, step=done)
        if self.schedule is not None:
            self.schedule.step_update(done)

    def _check_state(self, step: int | None = None) -> None:
        """Stop where the network is no longer finite; a step that is known for it is named."""
        for name, values in self.graph.state_dict().items():
            if values.is_floating_point() and not torch.isfinite(values).all():
                raise self._diverged(f"{name} is no longer finite", step or self.step)

    def _diverged(self, reason: str, step: int) -> DivergenceError:
        images = self.batches.positions(self.epoch, step)
        return diverged(reason, self.epoch, step, images, self.settings.lr, self.files)

    def _accuracy(self, graph: fx.GraphModule, images: Images) -> float:
        """Return the share of images that a network classifies rightly; the processes share the images."""
        batch_size = max(1, self.settings.batch_size // self.accelerator.num_processes)
        return shared_accuracy(graph, images, self.accelerator, self.device, batch_size)

    def _lr(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])

    def save(self) -> None:
        """Write the checkpoint and the metrics, in the main process."""
        self.saved = time.perf_counter()
        if self.files is None or not self.accelerator.is_main_process:
            return
        save_trainer(self, self.files)

    def restore(self) -> None:
        """Go on from the checkpoint, where the files say so.

        Raises:
            FileError: It is missing, damaged, or of another network.
            InvalidValueError: It is of another training.
        """
        if self.files is not None:
            restore_trainer(self, self.files)
