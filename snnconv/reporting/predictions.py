"""The classes that several networks name for each image, in one pass through the data."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from snnconv.data.images import Images
from snnconv.evaluation.predictions import ImagePredictions, predict_all
from snnconv.model import Model
from snnconv.progress import Progress
from snnconv.runtime.running import Dtype
from snnconv.runtime.torch_runner import in_one_pass, run_in_torch

__all__ = ["ImagePredictions", "percent_of", "predict"]


def predict(
    models: Sequence[Model], other: Model | None, images: Images, dtype: Dtype, progress: Progress
) -> tuple[list[ImagePredictions], ImagePredictions | None]:
    """Run networks over all images.

    Args:
        models: Networks of one and the same input. Those with time are run step by step.
        other: Network that sees the same images in its own layout and normalisation, or None. It is collapsed if that
            gives the same predictions.
        images: Images opened for `models`.
        dtype: Dtype of the run.
        progress: Callable around each batch, for a progress bar.

    Returns:
        The predictions of every one of `models`, and those of `other`.
    """
    networks = [run_in_torch(model, dtype) for model in models]
    if other is not None:
        networks.append(run_in_torch(in_one_pass(other), dtype))
    predictions = predict_all(networks, images, description="Classifying", progress=progress)
    return (predictions, None) if other is None else (predictions[:-1], predictions[-1])


def percent_of(hits: Tensor) -> float:
    """Return the percentage of a tensor's elements that are true."""
    return 100 * float(hits.double().mean())
