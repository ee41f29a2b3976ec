"""What several networks answer to each image, in one pass through the data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from snnconv.data.images import Images
from snnconv.evaluation.accuracy import predictions_of
from snnconv.evaluation.inputs import adapt
from snnconv.model import Model, rows_of
from snnconv.progress import Progress
from snnconv.runtime.inference import batch_that_fits, for_inference
from snnconv.runtime.running import Precision, in_precision, placed
from snnconv.spiking.unrolling import collapse, collapses

__all__ = ["Answers", "answers_of"]


@dataclass(frozen=True)
class Answers:
    """One network's answers to n images.

    Attributes:
        final: classes `[n]`.
        at: classes after each step `[T, n]`, of the mean of the first t steps; None where nothing steps.
        margin: by how much the class leads the next, in softmax probability, `[n]`.
    """

    final: Tensor
    at: Tensor | None
    margin: Tensor

    @property
    def settled(self) -> Tensor | None:
        """The step from which each image's answer stays, `[n]`, 1..T; None where nothing steps.

        >>> Answers(torch.tensor([1]), torch.tensor([[1], [0], [1], [1]]), torch.tensor([0.5])).settled
        tensor([3])
        """
        if self.at is None:
            return None
        stays = (self.at == self.at[-1]).flip(0).int().cumprod(0)
        return len(self.at) + 1 - stays.sum(0)


def answers_of(
    models: Sequence[Model], other: Model | None, images: Images, precision: Precision, progress: Progress
) -> tuple[list[Answers], Answers | None]:
    """Run networks over all images.

    Args:
        models: of the same input. They are run as they are: those that step, step.
        other: a network that is given the same images in its own layout and normalisation; collapsed where that is
            the same.
        images: opened for `models`.
        precision: of the arithmetic.
        progress: told of each batch.
    """
    running = [for_inference(in_precision(model, precision)) for model in models]
    beside = None
    if other is not None:
        beside = for_inference(in_precision(collapse(other) if collapses(other) else other, precision))
    size = min(batch_that_fits(each) for each in (*running, *(() if beside is None else (beside,))))
    found: list[list[Answers]] = [[] for _ in running]
    theirs: list[Answers] = []
    batches = progress(images.batches(size), "Classifying", math.ceil(len(images) / size))
    with torch.inference_mode():
        for x, _ in batches:
            for model, kept in zip(running, found, strict=True):
                kept.append(_answer(model, placed(x, model)))
            if beside is not None and other is not None:
                theirs.append(_answer(beside, placed(adapt(x, images.input, other.input), beside)))
    return [_joined(parts) for parts in found], _joined(theirs) if theirs else None


def _answer(model: Model, x: Tensor) -> Answers:
    out = model(x)
    outputs = out if isinstance(out, tuple) else (out,)
    named = predictions_of(outputs, stepped=model.timesteps is not None)
    chances = rows_of(outputs[0]).softmax(1).cpu()
    best = chances.topk(min(2, chances.shape[1]), 1).values
    margin = best[:, 0] - best[:, 1] if best.shape[1] == 2 else best[:, 0]
    return Answers(named.final, named.at, margin)


def _joined(parts: Sequence[Answers]) -> Answers:
    at = [part.at for part in parts if part.at is not None]
    return Answers(
        torch.cat([part.final for part in parts]),
        torch.cat(at, 1) if at else None,
        torch.cat([part.margin for part in parts]),
    )
