"""What the steps of a training found, which stays on the device until it is asked for.

Whoever reads a number from an accelerator waits for all that it was given to do, and it then waits for more. So numbers
of several steps are fetched at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["MOST_STEPS", "Found", "Records"]

MOST_STEPS = 10  # on an accelerator; a CPU has computed a number when it has it


@dataclass(frozen=True)
class Found:
    """One step.

    Attributes:
        step: of the epoch, from 1.
        sums: over the batch, of all processes: loss, right, seen, and of each part of the loss.
        finite: whether loss and parts are.
        norm: of all trained parameters after the step.
    """

    step: int
    sums: dict[str, float]
    finite: bool
    norm: float


class Records:
    """Keeps the numbers of a few steps.

    Args:
        accelerator: accelerate's, which adds up what the processes found.
        device: where the numbers are.
    """

    def __init__(self, accelerator: Any, device: torch.device) -> None:
        self.accelerator = accelerator
        self.device = device
        self.most = 1 if device.type == "cpu" else MOST_STEPS
        self.kept: list[tuple[int, list[int], Tensor, Tensor]] = []
        self.names: list[str] = []

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def full(self) -> bool:
        """Whether it is time to fetch them; so at the same step in every process."""
        return len(self.kept) >= self.most

    def add(
        self, step: int, names: Sequence[str], pieces: Sequence[tuple[int, Sequence[Tensor]]], norm: Tensor
    ) -> None:
        """Keep the numbers of one step.

        Args:
            step: of the epoch, from 1.
            names: what the numbers are, the first of them the loss.
            pieces: parts of the batch, each with its number of images, the means over them of what is named, and last
                how many of them are classified rightly.
            norm: of all trained parameters after the step.
        """
        self.names = [*names]
        values = torch.stack([torch.stack([*map(Tensor.float, means)]) for _, means in pieces])
        self.kept.append((step, [count for count, _ in pieces], values, norm.float()))

    def fetch(self) -> list[Found]:
        """The steps since the last time, in their order."""
        if not self.kept:
            return []
        kept, self.kept = self.kept, []
        found = torch.cat([torch.cat([values.flatten(), norm[None]]) for _, _, values, norm in kept]).cpu()
        rows, norms = [], []
        for (_, counts, values, _), own in zip(kept, found.view(len(kept), -1), strict=True):
            means = own[:-1].view(values.shape).double()
            weights = torch.tensor(counts, dtype=torch.float64)
            sums = (means[:, :-1] * weights[:, None]).sum(0)
            rows.append(torch.cat([sums, means[:, -1].sum()[None], weights.sum()[None]]))
            norms.append(float(own[-1]))
        table = torch.stack(rows)
        if self.accelerator.num_processes > 1:
            table = self.accelerator.reduce(table.to(self.device), reduction="sum").cpu()
        names = [*self.names, "right", "seen"]
        return [
            Found(step, dict(zip(names, row.tolist(), strict=True)), bool(torch.isfinite(row).all()), norm)
            for (step, *_), row, norm in zip(kept, table, norms, strict=True)
        ]
