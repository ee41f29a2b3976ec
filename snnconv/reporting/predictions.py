"""The classes that several networks name for each image, in one pass through the data."""

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

__all__ = ["ImagePredictions", "percent_of", "predict"]


@dataclass(frozen=True)
class ImagePredictions:
    """One network's predictions for n images.

    Attributes:
        final: Classes, `[n]`.
        at: Classes after each step, `[T, n]`, from the mean of the first t steps; None without time.
        margin: Lead of the class over the next one, in softmax probability, `[n]`.
    """

    final: Tensor
    at: Tensor | None
    margin: Tensor

    @property
    def settled(self) -> Tensor | None:
        """Return the step, 1..T, from which each image's prediction stays, `[n]`; None without time.

        >>> ImagePredictions(torch.tensor([1]), torch.tensor([[1], [0], [1], [1]]), torch.tensor([0.5])).settled
        tensor([3])
        """
        if self.at is None:
            return None
        stays = (self.at == self.at[-1]).flip(0).int().cumprod(0)
        return len(self.at) + 1 - stays.sum(0)


def predict(
    models: Sequence[Model], other: Model | None, images: Images, precision: Precision, progress: Progress
) -> tuple[list[ImagePredictions], ImagePredictions | None]:
    """Run networks over all images.

    Args:
        models: Networks of one and the same input. Those with time are run step by step.
        other: Network that sees the same images in its own layout and normalisation, or None. It is collapsed if that
            gives the same predictions.
        images: Images opened for `models`.
        precision: Arithmetic of the run.
        progress: Callable around each batch, for a progress bar.

    Returns:
        The predictions of every one of `models`, and those of `other`.
    """
    running = [for_inference(in_precision(model, precision)) for model in models]
    beside = None
    if other is not None:
        beside = for_inference(in_precision(collapse(other) if collapses(other) else other, precision))
    size = min(batch_that_fits(model) for model in (*running, *(() if beside is None else (beside,))))
    batches_of: list[list[ImagePredictions]] = [[] for _ in running]
    other_batches: list[ImagePredictions] = []
    batches = progress(images.batches(size), "Classifying", math.ceil(len(images) / size))
    with torch.inference_mode():
        for x, _ in batches:
            for model, model_batches in zip(running, batches_of, strict=True):
                model_batches.append(_predict_batch(model, placed(x, model)))
            if beside is not None and other is not None:
                other_batches.append(_predict_batch(beside, placed(adapt(x, images.input, other.input), beside)))
    return [_joined(batches) for batches in batches_of], _joined(other_batches) if other_batches else None


def percent_of(hits: Tensor) -> float:
    """Return the percentage of a tensor's elements that are true."""
    return 100 * float(hits.double().mean())


def _predict_batch(model: Model, x: Tensor) -> ImagePredictions:
    out = model(x)
    outputs = out if isinstance(out, tuple) else (out,)
    classes = predictions_of(outputs, stepped=model.timesteps is not None)
    probabilities = rows_of(outputs[0]).softmax(1).cpu()
    best = probabilities.topk(min(2, probabilities.shape[1]), 1).values
    margin = best[:, 0] - best[:, 1] if best.shape[1] == 2 else best[:, 0]
    return ImagePredictions(classes.final, classes.at, margin)


def _joined(batches: Sequence[ImagePredictions]) -> ImagePredictions:
    at = [batch.at for batch in batches if batch.at is not None]
    return ImagePredictions(
        torch.cat([batch.final for batch in batches]),
        torch.cat(at, 1) if at else None,
        torch.cat([batch.margin for batch in batches]),
    )
