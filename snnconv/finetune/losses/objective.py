"""The loss that a step of training reduces: a weighted sum of parts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from snnconv.finetune.losses.distillation import Distillation
from snnconv.finetune.losses.potential import PotentialLoss, triangle
from snnconv.finetune.settings import LoopSettings
from snnconv.model import Model

__all__ = ["Objective", "first_output"]


def first_output(out: Any) -> Tensor:
    """Return the first output of a network, the logits `[B, classes]`."""
    logits: Tensor = out[0] if isinstance(out, tuple) else out
    return logits


class Objective:
    """Cross-entropy of the first output (of an SNN its time mean), and the losses that the settings add to it.

    Args:
        graph: Network in training.
        settings: Label smoothing, RMP-Loss, distillation.
        teacher: ANN to distil from, or None.

    Raises:
        ModelError: The network lacks what a loss needs.
    """

    def __init__(self, graph: fx.GraphModule, settings: LoopSettings, teacher: Model | None = None) -> None:
        self.settings = settings
        self.potential = PotentialLoss(graph, settings.rmp_sites) if settings.rmp_loss else None
        self.distillation = None
        if teacher is not None:
            self.distillation = Distillation(
                graph,
                teacher,
                logits=settings.distill_logits,
                features=settings.distill_features,
                temperature=settings.distill_temperature,
            )

    def __enter__(self) -> Objective:
        self.watching = ExitStack()
        for part in (self.potential, self.distillation):
            if part is not None:
                self.watching.enter_context(part)
        return self

    def __exit__(self, *_: object) -> None:
        self.watching.close()

    def __call__(
        self, network: Callable[[Tensor], Any], x: Tensor, targets: Tensor, epoch: int
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Run a batch and return its loss.

        Args:
            network: Network in training, or a module that wraps it.
            x: Inputs.
            targets: Labels `[B]`, or probabilities `[B, classes]`.
            epoch: Epoch, counted from 1.

        Returns:
            The loss, the logits `[B, classes]`, and each part of the loss by name; nothing here waits for a device.
        """
        settings = self.settings
        with torch.autocast(x.device.type, torch.bfloat16, enabled=settings.bf16):
            logits = first_output(network(x))
        logits = logits.float()
        smoothing = settings.label_smoothing if targets.dim() == 1 else 0.0
        loss = F.cross_entropy(logits, targets, label_smoothing=smoothing)
        parts = {"task": loss.detach()}
        if self.potential is not None:
            potential = self.potential.take()
            parts["rmp"] = potential.detach()
            loss = loss + triangle(epoch, settings.epochs, settings.rmp_loss) * potential
        if self.distillation is not None:
            distilled = self.distillation.loss(x, logits)
            parts["distillation"] = distilled.detach()
            loss = loss + distilled
        return loss, logits, parts
