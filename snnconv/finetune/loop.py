"""Train a quantized ANN: QCFS with straight-through gradients (Bu et al., ICLR 2022)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from snnconv.convert.sites import iter_sites
from snnconv.errors import SnnconvError
from snnconv.finetune.batches import Batches
from snnconv.finetune.build import open_training
from snnconv.finetune.fitting import prepare_training
from snnconv.finetune.settings import OPTIMIZERS, TrainSettings
from snnconv.model import Model
from snnconv.progress import Progress, no_progress
from snnconv.zoo.images import Images

__all__ = ["DivergenceError", "EpochMetrics", "train"]

SMALLEST_CEILING = 1e-3  # a ceiling must stay above 0 whatever the optimizer does
RECIPE = TrainSettings()


class DivergenceError(SnnconvError):
    """A training that no longer computes finite numbers."""


@dataclass(frozen=True)
class EpochMetrics:
    """One epoch.

    Attributes:
        epoch: from 1.
        loss: mean over the epoch's steps.
        accuracy: share of the training images, as augmented, that were classified rightly while the weights
            changed.
        eval_accuracy: share of the evaluation images after the epoch, or None where there are none.
        lr: learning rate of the epoch's last step.
        wall_s: seconds, evaluation included.
    """

    epoch: int
    loss: float
    accuracy: float
    eval_accuracy: float | None
    lr: float
    wall_s: float


def train(
    model: Model | nn.Module | str | os.PathLike[str],
    data: Images | str,
    settings: TrainSettings = RECIPE,
    *,
    eval_data: Images | None = None,
    progress: Progress = no_progress,
    on_epoch: Callable[[EpochMetrics], None] | None = None,
    device: torch.device | str | None = None,
) -> Model:
    """Quantize a network's activations and train it: weights, batch-norm and ceilings.

    Args:
        model: an ANN, or a quantized ANN with N = `settings.total_levels` to go on with; an `nn.Module`;
            `timm:NAME` or `zoo:NAME`, built for the data with random weights; or the path of an ONNX file. It
            is not changed.
        data: labelled images, or a data spec.
        settings: by default the QCFS recipe.
        eval_data: classified after every epoch; it does not influence the training.
        progress: shows the steps of each epoch.
        on_epoch: called after every epoch.
        device: where to train; by default a GPU where there is one. The result is on the CPU.

    Returns:
        The quantized ANN in evaluation mode, its settings, data and last metrics in the provenance.

    Raises:
        UnsupportedOperatorsError: lists every activation that cannot become a neuron.
        DataError: labels are missing, or the data's classes or shape are not the network's.
        DivergenceError: the loss or a parameter is no longer finite.
    """
    network, images = open_training(model, data, seed=settings.seed)
    quantized = prepare_training(network, images, eval_data, settings)
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    trainer = _Trainer(quantized.graph.to(where), images, settings, where)
    for epoch in range(1, settings.epochs + 1):
        metrics = trainer.epoch(epoch, eval_data, progress)
        if on_epoch is not None:
            on_epoch(metrics)
    quantized.graph.to("cpu").eval()
    quantized.provenance["finetune"] = _provenance(settings, images, eval_data, metrics)
    return replace(quantized, input=replace(images.input, classes=images.classes or network.input.classes))


def _provenance(
    settings: TrainSettings, images: Images, eval_data: Images | None, metrics: EpochMetrics
) -> dict[str, Any]:
    """JSON-ready; without times, so that the same training writes the same file."""
    final = {name: value for name, value in asdict(metrics).items() if name != "wall_s"}
    return {
        "settings": asdict(settings),
        "seed": settings.seed,
        "data": images.spec,
        "images": len(images),
        "eval_data": None if eval_data is None else eval_data.spec,
        "metrics": final,
    }


class _Trainer:
    """A graph with its optimizer, schedule and data."""

    def __init__(self, graph: fx.GraphModule, images: Images, settings: TrainSettings, device: torch.device) -> None:
        from timm.optim import create_optimizer_v2
        from timm.scheduler import create_scheduler_v2

        self.graph = graph
        self.settings = settings
        self.device = device
        self.ceilings = [site.get_parameter("ceiling") for _, site in iter_sites(graph)]
        self.batches = Batches(images, settings.batch_size, augment=settings.augment, seed=settings.seed, device=device)
        self.optimizer: torch.optim.Optimizer = create_optimizer_v2(
            [parameter for parameter in graph.parameters() if parameter.requires_grad],
            opt=OPTIMIZERS[settings.optimizer],
            lr=settings.lr,
            weight_decay=settings.weight_decay,
            momentum=settings.momentum,
            filter_bias_and_bn=False,
        )
        self.schedule, _ = create_scheduler_v2(
            self.optimizer,
            settings.scheduler,
            num_epochs=settings.epochs,
            warmup_epochs=settings.warmup_epochs,
            warmup_lr=settings.lr / 100,
            step_on_epochs=False,
            updates_per_epoch=len(self.batches),
        )

    def epoch(self, epoch: int, eval_data: Images | None, progress: Progress) -> EpochMetrics:
        """Train on every batch once, then evaluate."""
        start = time.perf_counter()
        self.graph.train()
        loss, right, seen, lr = 0.0, 0, 0, 0.0
        steps = progress(self.batches, f"epoch {epoch}/{self.settings.epochs}", len(self.batches))
        for step, (x, y) in enumerate(steps, start=1):
            lr = self._lr()
            value, logits = self._step(x, y, f"epoch {epoch}, step {step}")
            if self.schedule is not None:
                self.schedule.step_update((epoch - 1) * len(self.batches) + step)
            loss, seen = loss + value * len(y), seen + len(y)
            right += int((logits.argmax(1) == y).sum())
        self._check_state(f"epoch {epoch}")
        eval_accuracy = None if eval_data is None else self._accuracy(eval_data)
        return EpochMetrics(epoch, loss / seen, right / seen, eval_accuracy, lr, time.perf_counter() - start)

    def _step(self, x: Tensor, y: Tensor, when: str) -> tuple[float, Tensor]:
        logits = _first(self.graph(x))
        loss = F.cross_entropy(logits, y, label_smoothing=self.settings.label_smoothing)
        if not torch.isfinite(loss):
            raise self._diverged(f"The loss is {loss.item()} in {when}")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        with torch.no_grad():
            for ceiling in self.ceilings:
                ceiling.clamp_(min=SMALLEST_CEILING)
        return loss.item(), logits.detach()

    def _check_state(self, when: str) -> None:
        for name, values in self.graph.state_dict().items():
            if values.is_floating_point() and not torch.isfinite(values).all():
                raise self._diverged(f"{name} is no longer finite after {when}, step {len(self.batches)}")

    def _diverged(self, what: str) -> DivergenceError:
        return DivergenceError(
            f"{what}: the training diverged. Lower lr (it is {self.settings.lr:g}) or add warmup_epochs."
        )

    def _lr(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])

    @torch.inference_mode()
    def _accuracy(self, images: Images) -> float:
        self.graph.eval()
        right = 0
        for x, y in images.batches(self.settings.batch_size):
            right += int((_first(self.graph(x.to(self.device))).argmax(1).cpu() == y).sum())
        return right / len(images)


def _first(out: Any) -> Tensor:
    """The first output, the logits `[B, classes]`."""
    logits: Tensor = out[0] if isinstance(out, tuple) else out
    return logits
