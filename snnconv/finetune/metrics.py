"""Metrics of a training: a line an epoch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from snnconv.files import write_atomically

__all__ = ["EpochMetrics", "epoch_metrics", "write_metrics"]


@dataclass(frozen=True)
class EpochMetrics:
    """Metrics of one epoch.

    Attributes:
        epoch: Number of the epoch, counted from 1.
        loss: Mean over the epoch's steps of the loss that was minimised.
        accuracy: Share of the training images, as augmented, that were classified rightly while the weights
            changed; with mixup or cutmix, by the label that weighs most.
        eval_accuracy: Share of the evaluation images after the epoch, or None where there are none.
        lr: Learning rate of the epoch's last step.
        images_per_s: Images trained on a second, over all processes.
        wall_s: Seconds, evaluation included.
        parts: Means of the loss's parts before they are weighted: task, rmp, distillation.
    """

    epoch: int
    loss: float
    accuracy: float
    eval_accuracy: float | None
    lr: float
    images_per_s: float
    wall_s: float
    parts: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the metrics as a dictionary that is ready for JSON."""
        return asdict(self)


def epoch_metrics(epoch: int, sums: Mapping[str, float], **others: Any) -> EpochMetrics:
    """Return the metrics of an epoch from the sums over its images.

    Args:
        epoch: Number of the epoch, counted from 1.
        sums: Sums over the images: loss, right, seen, and `part.NAME` for each part of the loss.
        others: Metrics that follow from no sum.
    """
    seen = sums["seen"]
    parts = {name[5:]: value / seen for name, value in sums.items() if name.startswith("part.")}
    return EpochMetrics(epoch, sums["loss"] / seen, sums["right"] / seen, parts=parts, **others)


def write_metrics(path: Path, log: Iterable[dict[str, Any]]) -> None:
    """Write one JSON object an epoch and line, atomically.

    Raises:
        FileError: The file cannot be written.
    """
    write_atomically(path, "".join(json.dumps(epoch, allow_nan=False) + "\n" for epoch in log).encode())
