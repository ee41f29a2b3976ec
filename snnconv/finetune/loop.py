"""The loop that every training runs: epochs, steps, checkpoints; in one process or in many, through accelerate."""

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
from snnconv.finetune.allocation import blocks_kept
from snnconv.finetune.batches import Batches
from snnconv.finetune.checkpoint import Checkpoint, copy_into, save_checkpoint
from snnconv.finetune.input_scale import scale_first_layers, unit_scale
from snnconv.finetune.losses.objective import Objective, first_output
from snnconv.finetune.metrics import EpochMetrics, write_metrics
from snnconv.finetune.mixing import Mixing
from snnconv.finetune.optimization import build_average, build_optimizer, build_schedule, hold_unused
from snnconv.finetune.processes import open_accelerator
from snnconv.finetune.recomputation import Blockwise
from snnconv.finetune.records import Records
from snnconv.finetune.run import RunFiles, identity_of
from snnconv.finetune.settings import LoopSettings
from snnconv.model import Model
from snnconv.progress import Progress, no_progress
from snnconv.spiking.sites import iter_sites

__all__ = ["fit"]

SMALLEST_CEILING = 1e-3  # a ceiling must stay above 0 whatever the optimizer does
CHECKPOINT_S = 300.0  # seconds of one epoch between two checkpoints; the end of an epoch is always one


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
        model: whose graph is trained; afterwards it is on the CPU, in evaluation mode.
        images: labelled.
        settings: how.
        classes: number of classes.
        eval_data: classified after every epoch; it does not influence the training.
        teacher: the ANN to distil from.
        progress: shows the steps of each epoch.
        on_epoch: called after every epoch, in the main process.
        device: where to train; by default a GPU where there is one, in a launched run the process's own.
        files: where checkpoint and metrics are kept; None: nowhere.

    Returns:
        The metrics of every epoch, JSON-ready.

    Raises:
        DivergenceError: the loss or a parameter is no longer finite.
        InvalidValueError: the batch cannot be shared by the processes, or a checkpoint is of another training.
        FileError: a checkpoint is missing or damaged, or cannot be written.
        ModelError: the network lacks what a loss needs.
    """
    accelerator = open_accelerator(device)
    where = accelerator.device if accelerator.num_processes > 1 or device is None else torch.device(device)
    identity = identity_of(model, images, teacher)
    scale = unit_scale([model] if teacher is None else [model, teacher], images)
    if scale != 1:
        images, eval_data = images.scaled(scale), None if eval_data is None else eval_data.scaled(scale)
        scale_first_layers(model.graph, scale)
    if teacher is not None:
        teacher = teacher.copy()
        scale_first_layers(teacher.graph, scale)
        teacher.graph.to(where)
    hold_unused(model.graph)
    objective = Objective(model.graph, settings, teacher)
    trainer = _Trainer(model.graph, images, settings, objective, accelerator, where, classes)
    trainer.files, trainer.identity = files, identity
    trainer.restore()
    with objective, blocks_kept(where):
        log = trainer.run(eval_data, progress, on_epoch)
    model.graph.to("cpu").eval()
    scale_first_layers(model.graph, 1 / scale)
    model.graph.to(memory_format=torch.contiguous_format)  # weights as a file holds them
    return log


class _Trainer:
    """A graph with its optimizer, schedule and data."""

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
        self.graph = graph.to(device)
        self.channels_last = settings.channels_last and all(parameter.dim() < 5 for parameter in graph.parameters())
        if self.channels_last:
            self.graph.to(memory_format=torch.channels_last)
        self.settings = settings
        self.accelerator = accelerator
        self.device = device
        self.objective = objective
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
        self.files: RunFiles | None = None
        self.identity: dict[str, Any] = {}
        self.epoch, self.step = 1, 0
        self.sums: dict[str, float] = {}
        self.log: list[dict[str, Any]] = []
        self.saved = 0.0
        self.records = Records(accelerator, device)

    def run(
        self, eval_data: Images | None, progress: Progress, on_epoch: Callable[[EpochMetrics], None] | None
    ) -> list[dict[str, Any]]:
        """Train until the last epoch is done; the result is the moving average where there is one."""
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
        lr = self._lr()
        left = len(self.batches) - self.step
        batches = self.batches.epoch(self.epoch, done=self.step)
        for x, y in progress(batches, f"epoch {self.epoch}/{self.settings.epochs}", left):
            self.step += 1
            lr = self._lr()
            self._step(x, y)
            if self.records.full:
                self._look()
            due = time.perf_counter() - self.saved > CHECKPOINT_S and not self.records
            if due and self.step < len(self.batches):
                self._check_state()
                self.save()
        self._look()
        trained_s = time.perf_counter() - start
        self._share_statistics()
        self._check_state()
        eval_accuracy = None if eval_data is None else self._accuracy(eval_data)
        sums, seen = self.sums, self.sums["seen"]
        return EpochMetrics(
            epoch=self.epoch,
            loss=sums["loss"] / seen,
            accuracy=sums["right"] / seen,
            eval_accuracy=eval_accuracy,
            lr=lr,
            images_per_s=left * self.batches.batch_size / trained_s,
            wall_s=time.perf_counter() - start,
            parts={name[5:]: value / seen for name, value in sums.items() if name.startswith("part.")},
        )

    def _step(self, x: Tensor, y: Tensor) -> None:
        """One step of the optimizer; what it found is recorded."""
        if self.channels_last and x.dim() == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        targets = y
        if self.mixing is not None:
            x, targets = self.mixing(x, y, epoch=self.epoch, step=self.step)
        self.optimizer.zero_grad(set_to_none=True)
        names, found = [], []
        count = self.settings.accumulate
        pieces = list(zip(x.chunk(count, self.batches.images.input.batch_axis), targets.chunk(count), strict=True))
        for number, (inputs, wanted) in enumerate(pieces, start=1):
            waits = self.accelerator.no_sync(self.network) if number < len(pieces) else nullcontext()
            with waits:
                loss, logits, each = self.objective(self.network, inputs, wanted, self.epoch)
                (loss * (len(wanted) / len(y))).backward()  # type: ignore[no-untyped-call]
            classes = wanted if wanted.dim() == 1 else wanted.argmax(1)
            right = (logits.detach().argmax(1) == classes).sum()
            names = ["loss", *(f"part.{name}" for name in each)]
            found.append((len(wanted), [loss.detach(), *each.values(), right]))
        if self.settings.clip:
            torch.nn.utils.clip_grad_norm_(self.graph.parameters(), self.settings.clip)
        self.optimizer.step()
        self.records.add(self.step, names, found, torch.nn.utils.get_total_norm(self.trained))
        self._after_step()

    def _look(self) -> None:
        """Take what the last steps found, and stop where they diverged."""
        for found in self.records.fetch():
            if not found.finite:
                raise self._diverged(f"The loss is {found.sums['loss'] / found.sums['seen']}", found.step)
            if not math.isfinite(found.norm):
                self._check_state(found.step)
            for name, value in found.sums.items():
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

    def _share_statistics(self) -> None:
        """Give every process the main one's batch-norm statistics, which are the result's."""
        if self.accelerator.num_processes > 1:
            average = [] if self.average is None else [*self.average.module.buffers()]
            for buffer in [*self.graph.buffers(), *average]:
                torch.distributed.broadcast(buffer, 0)

    def _check_state(self, step: int | None = None) -> None:
        """Stop where the network is no longer finite; a step that is known for it is named."""
        for name, values in self.graph.state_dict().items():
            if values.is_floating_point() and not torch.isfinite(values).all():
                raise self._diverged(f"{name} is no longer finite", step or self.step)

    def _diverged(self, what: str, step: int) -> DivergenceError:
        images = self.batches.positions(self.epoch, step)
        shown = ", ".join(map(str, images[:8])) + (", ..." if len(images) > 8 else "")
        kept = ""
        if self.files is not None and self.files.checkpoint.exists():
            kept = (
                f" The last good checkpoint is kept in {self.files.checkpoint}. It goes on with the same settings: "
                "remove it to start anew with others."
            )
        return DivergenceError(
            f"{what} in epoch {self.epoch}, step {step} (a batch of the images {shown} of the data): the training "
            f"diverged. Lower lr (it is {self.settings.lr:g}), add warmup_epochs or clip gradients.{kept}"
        )

    def _lr(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])

    @torch.inference_mode()
    def _accuracy(self, images: Images) -> float:
        """Share of images classified rightly, by the moving average where there is one; the processes share them."""
        graph = self.graph if self.average is None else self.average.module
        graph.eval()
        right = torch.zeros((), dtype=torch.int64, device=self.device)
        rank, processes = self.batches.rank, self.batches.processes
        for number, (x, y) in enumerate(images.batches(max(1, self.settings.batch_size // processes))):
            if number % processes == rank:
                right += (first_output(graph(x.to(self.device))).argmax(1) == y.to(self.device)).sum()
        if processes > 1:
            right = self.accelerator.reduce(right, reduction="sum")
        return int(right) / len(images)

    def save(self) -> None:
        """Write the checkpoint and the metrics, in the main process."""
        self.saved = time.perf_counter()
        if self.files is None or not self.accelerator.is_main_process:
            return
        checkpoint = Checkpoint(
            settings=self.settings.to_dict(),
            identity=self.identity,
            epoch=self.epoch,
            step=self.step,
            sums=self.sums,
            log=self.log,
            network=self.graph.state_dict(),
            optimizer=self.optimizer.state_dict(),
            average={} if self.average is None else self.average.module.state_dict(),
        )
        save_checkpoint(self.files.checkpoint, checkpoint)
        write_metrics(self.files.metrics, self.log)

    def restore(self) -> None:
        """Go on from the checkpoint, where that is wanted.

        Raises:
            FileError: it is missing, damaged, or of another network.
            InvalidValueError: it is of another training.
        """
        if self.files is None:
            return
        found = self.files.load(self.settings.to_dict(), self.identity)
        if found is None:
            return
        copy_into(self.graph.state_dict(), found.network, self.files.checkpoint)
        if self.average is not None:
            copy_into(self.average.module.state_dict(), found.average, self.files.checkpoint)
        self.optimizer.load_state_dict(found.optimizer)
        for parameter, values in self.optimizer.state.items():
            for name, value in values.items():
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    # laid out as the parameter is, so that sums over it are rounded as they would have been
                    values[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
        self.epoch, self.step, self.sums, self.log = found.epoch, found.step, found.sums, found.log
        if self.schedule is not None:
            self.schedule.step_update((self.epoch - 1) * len(self.batches) + self.step)
        if self.accelerator.is_main_process:
            write_metrics(self.files.metrics, self.log)  # a kill may have left them an epoch behind
