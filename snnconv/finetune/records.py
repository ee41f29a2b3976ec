"""Numbers of the steps of a training, which stay on the device until they are asked for.

Whoever reads a number from an accelerator waits until all of its work is done, and it then waits for more. So the
numbers of several steps are fetched at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["MOST_STEPS", "Records", "StepRecord"]

MOST_STEPS = 10  # on an accelerator; a CPU has computed a number when it has it


@dataclass(frozen=True)
class StepRecord:
    """Numbers of one step.

    Attributes:
        step: Step of the epoch, counted from 1.
        sums: Sums over the batch, of all processes: loss, right, seen, and each part of the loss.
        finite: True where the loss and its parts are finite.
        norm: Norm of all trained parameters after the step.
    """

    step: int
    sums: dict[str, float]
    finite: bool
    norm: float


class Records:
    """Store of the numbers of a few steps.

    Args:
        accelerator: Accelerate's object, which adds up the numbers of the processes.
        device: Device of the numbers.
    """

    def __init__(self, accelerator: Any, device: torch.device) -> None:
        self.accelerator = accelerator
        self.device = device
        self.most = 1 if device.type == "cpu" else MOST_STEPS
        self.waiting: list[tuple[int, list[int], Tensor, Tensor]] = []
        self.names: list[str] = []

    def __len__(self) -> int:
        return len(self.waiting)

    @property
    def full(self) -> bool:
        """Whether it is time to fetch them, which it is at the same step in every process."""
        return len(self.waiting) >= self.most

    def add(self, step: int, names: Sequence[str], parts: Sequence[tuple[int, Sequence[Tensor]]], norm: Tensor) -> None:
        """Store the numbers of one step.

        Args:
            step: Step of the epoch, counted from 1.
            names: Names of the numbers, the first of them the loss.
            parts: Parts of the batch: the number of images, then the means over them of the named numbers, and last
                the number of images that are classified rightly.
            norm: Norm of all trained parameters after the step.
        """
        self.names = [*names]
        values = torch.stack([torch.stack([*map(Tensor.float, means)]) for _, means in parts])
        self.waiting.append((step, [count for count, _ in parts], values, norm.float()))

    def fetch(self) -> list[StepRecord]:
        """Return the steps since the last call, in their order."""
        if not self.waiting:
            return []
        steps, self.waiting = self.waiting, []
        numbers = torch.cat([torch.cat([values.flatten(), norm[None]]) for _, _, values, norm in steps]).cpu()
        rows, norms = [], []
        for (_, counts, values, _), step_numbers in zip(steps, numbers.view(len(steps), -1), strict=True):
            means = step_numbers[:-1].view(values.shape).double()
            weights = torch.tensor(counts, dtype=torch.float64)
            sums = (means[:, :-1] * weights[:, None]).sum(0)
            rows.append(torch.cat([sums, means[:, -1].sum()[None], weights.sum()[None]]))
            norms.append(float(step_numbers[-1]))
        table = torch.stack(rows)
        if self.accelerator.num_processes > 1:
            table = self.accelerator.reduce(table.to(self.device), reduction="sum").cpu()
        names = [*self.names, "right", "seen"]
        return [
            StepRecord(step, dict(zip(names, row.tolist(), strict=True)), bool(torch.isfinite(row).all()), norm)
            for (step, *_), row, norm in zip(steps, table, norms, strict=True)
        ]
