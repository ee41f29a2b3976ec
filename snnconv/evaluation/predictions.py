"""Classes that networks predict, at the end of their window and after each of its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from snnconv.model import rows_of
from snnconv.runtime.runnable import Outputs

__all__ = ["ImagePredictions", "joined", "predictions_of"]


@dataclass(frozen=True)
class ImagePredictions:
    """One network's predictions for n images.

    Attributes:
        final: Classes, `[n]`, of the first output.
        at: Classes after each step, `[T, n]`: row t - 1 is that of the mean of the first t steps; None where the
            network does not step.
        margin: Lead of the class over the next one, in softmax probability, `[n]`.
        stopped: Steps that were run for each image, `[n]`; rows of `at` beyond hold its last class. None: all T.
    """

    final: Tensor
    at: Tensor | None
    margin: Tensor
    stopped: Tensor | None = None

    @property
    def settled(self) -> Tensor | None:
        """Step from which each image's prediction stays, `[n]`, 1..T; None where the network does not step.

        >>> ImagePredictions(torch.tensor([1]), torch.tensor([[1], [0], [1], [1]]), torch.tensor([0.5])).settled
        tensor([3])
        """
        if self.at is None:
            return None
        stays = (self.at == self.at[-1]).flip(0).int().cumprod(0)
        return len(self.at) + 1 - stays.sum(0)


def predictions_of(outputs: Outputs) -> ImagePredictions:
    """Return the classes that the first output of a batch names."""
    rows = rows_of(outputs.final[0])
    best = rows.softmax(1).topk(min(2, rows.shape[1]), 1).values.cpu()
    margin = best[:, 0] - best[:, 1] if best.shape[1] == 2 else best[:, 0]
    final = rows.argmax(1).cpu()
    if outputs.steps is None:
        return ImagePredictions(final, None, margin)
    steps = outputs.steps[0]
    elapsed = torch.arange(1, len(steps) + 1, device=steps.device).view(-1, 1, 1)
    means = steps.unsqueeze(-1).flatten(2).cumsum(0) / elapsed
    at = means.argmax(2).cpu()
    if outputs.stopped is None:
        return ImagePredictions(final, at, margin)
    stopped = outputs.stopped.cpu()
    last = at.gather(0, stopped[None] - 1)
    at = torch.where(torch.arange(1, len(at) + 1)[:, None] <= stopped, at, last)
    return ImagePredictions(at[-1], at, margin, stopped)


def joined(parts: Sequence[ImagePredictions]) -> ImagePredictions:
    """Return the predictions of all batches as one."""
    at = [part.at for part in parts if part.at is not None]
    stopped = [part.stopped for part in parts if part.stopped is not None]
    return ImagePredictions(
        torch.cat([part.final for part in parts]),
        torch.cat(at, 1) if at else None,
        torch.cat([part.margin for part in parts]),
        torch.cat(stopped) if stopped else None,
    )
