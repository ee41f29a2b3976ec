"""What is known of a training: a line an epoch."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from snnconv.files import write_atomically

__all__ = ["EpochMetrics", "write_metrics"]


@dataclass(frozen=True)
class EpochMetrics:
    """One epoch.

    Attributes:
        epoch: from 1.
        loss: mean over the epoch's steps of what was minimised.
        accuracy: share of the training images, as augmented, that were classified rightly while the weights
            changed; with mixup or cutmix, by the label that weighs most.
        eval_accuracy: share of the evaluation images after the epoch, or None where there are none.
        lr: learning rate of the epoch's last step.
        images_per_s: images trained on a second, over all processes.
        wall_s: seconds, evaluation included.
        parts: means of the loss's parts before they are weighted: task, rmp, distillation.
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
        """JSON-ready form."""
        return asdict(self)


def write_metrics(path: Path, log: Iterable[dict[str, Any]]) -> None:
    """Write one JSON object an epoch and line, atomically.

    Raises:
        FileError: it cannot be written.
    """
    write_atomically(path, "".join(json.dumps(epoch, allow_nan=False) + "\n" for epoch in log).encode())
