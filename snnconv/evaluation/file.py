"""A written file in onnxruntime beside the network that it was written from, image by image."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import onnx
import torch
from torch import Tensor

from snnconv.data.datasets import open_data
from snnconv.errors import DataError
from snnconv.model import Model
from snnconv.progress import Progress, no_progress
from snnconv.runtime.inference import for_inference
from snnconv.runtime.onnxruntime import OnnxNetwork
from snnconv.runtime.streaming import StreamedNetwork, is_single_step
from snnconv.spiking.unrolling import collapse, collapses

__all__ = ["FileComparison", "compare_file"]

BATCH = 32


@dataclass(frozen=True)
class FileComparison:
    """What `compare_file` found.

    Attributes:
        images: how many were compared.
        agreement: percent of them on which both name the same class.
        accuracy: of the file, in percent; None without labels.
        model_accuracy: of the network, likewise.
    """

    images: int
    agreement: float
    accuracy: float | None
    model_accuracy: float | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def compare_file(
    source: str | os.PathLike[str] | onnx.ModelProto | Callable[[Tensor], tuple[Tensor, ...]],
    model: Model,
    data: str,
    *,
    limit: int | None = None,
    progress: Progress = no_progress,
) -> FileComparison:
    """Run a file in onnxruntime and the network in torch on the same images, in single precision.

    Args:
        source: ONNX file, the network in it, or a function from a batch to the outputs.
        model: what it was written from; a mean-coupled SNN runs collapsed.
        data: a data spec; labels are optional.
        limit: the first so many images; None: all.
        progress: told of each batch.

    Raises:
        DataError: there is no image, or the data do not fit the network.
        FileError: onnxruntime cannot read the file.
    """
    images = open_data(data, model.input, purpose="eval")
    images = images if limit is None or limit >= len(images) else images.subset(range(limit))
    if not len(images):
        raise DataError(f"{data!r} holds no image.")
    fast = for_inference(collapse(model) if collapses(model) else model)
    file = source if callable(source) else _in_onnxruntime(source)
    agreeing = right = model_right = 0
    with torch.inference_mode():
        batches = images.batches(BATCH)
        for x, labels in progress(batches, "comparing", math.ceil(len(images) / BATCH)):
            own, wanted = file(x)[0].flatten(1).argmax(1), fast.logits(x).flatten(1).argmax(1)
            agreeing += int((own == wanted).sum())
            right += int((own == labels).sum())
            model_right += int((wanted == labels).sum())
    labelled = images.labels is not None and bool((images.labels >= 0).all())
    return FileComparison(
        len(images),
        100 * agreeing / len(images),
        100 * right / len(images) if labelled else None,
        100 * model_right / len(images) if labelled else None,
    )


def _in_onnxruntime(source: str | os.PathLike[str] | onnx.ModelProto) -> OnnxNetwork:
    return StreamedNetwork(source) if is_single_step(source) else OnnxNetwork(source)
