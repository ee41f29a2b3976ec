"""The answers of several networks for each image, in one pass through the data: their classes, and their errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from snnconv.data.images import Images
from snnconv.evaluation.differences import Differences, OutputError, class_count
from snnconv.evaluation.predictions import ImagePredictions, joined, predictions_of
from snnconv.evaluation.scoring import differences_of
from snnconv.model import Model
from snnconv.progress import Progress
from snnconv.runtime.runnable import run_together
from snnconv.runtime.running import Dtype
from snnconv.runtime.torch_runner import in_one_pass, run_in_torch

__all__ = ["Answers", "ImagePredictions", "percent_of", "predict"]


@dataclass(frozen=True)
class Answers:
    """One network's answers for all images.

    Attributes:
        predictions: Classes that it predicts; None where its first output names none.
        errors: Difference of each output from the other network's; nothing without one.
    """

    predictions: ImagePredictions | None
    errors: tuple[OutputError, ...] = ()


def predict(
    models: Sequence[Model], other: Model | None, images: Images, dtype: Dtype, progress: Progress
) -> tuple[list[Answers], ImagePredictions | None]:
    """Run networks over all images.

    Args:
        models: Networks of one and the same input and outputs. Those with time are run step by step.
        other: Network that sees the same images in its own layout and normalisation, or None. It is collapsed if that
            gives the same predictions.
        images: Images opened for `models`.
        dtype: Dtype of the run.
        progress: Callable around each batch, for a progress bar.

    Returns:
        The answers of every one of `models`, and the predictions of `other`.
    """
    networks = [run_in_torch(model, dtype) for model in models]
    if other is not None:
        networks.append(run_in_torch(in_one_pass(other), dtype))
    classes = class_count(networks[0].shapes[0])
    parts: list[list[ImagePredictions]] = [[] for _ in networks]
    compared = networks[: len(models)] if other is not None else []
    differences: list[Differences] = [differences_of(network, networks[-1]) for network in compared]
    for _, outputs in run_together(networks, images, description="Classifying", progress=progress):
        for predictions, network_outputs in zip(parts, outputs if classes is not None else (), strict=False):
            predictions.append(predictions_of(network_outputs))
        for network_differences, network_outputs in zip(differences, outputs, strict=False):
            network_differences.add(network_outputs, outputs[-1].final)
    every = [joined(predictions) if predictions else None for predictions in parts]
    errors = [network_differences.errors() for network_differences in differences] or [()] * len(models)
    answers = [Answers(*pair) for pair in zip(every, errors, strict=False)]
    return answers, every[-1] if other is not None else None


def percent_of(hits: Tensor) -> float:
    """Return the percentage of a tensor's elements that are true."""
    return 100 * float(hits.double().mean())
