"""A written file in onnxruntime beside the network that it was written from, image by image."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import onnx
import torch
from torch import Tensor

from snnconv.data.images import Images
from snnconv.data.opening import DataLike, as_images
from snnconv.errors import DataError
from snnconv.evaluation.differences import OutputError, class_count
from snnconv.evaluation.scoring import differences_of, labels_of, outputs_of, shapes_of
from snnconv.model import Model
from snnconv.progress import Progress, no_progress
from snnconv.runtime.inference import for_inference
from snnconv.runtime.onnxruntime import OnnxNetwork
from snnconv.runtime.streaming import StreamedNetwork, is_single_step
from snnconv.spiking.unrolling import collapse, collapses

__all__ = ["FileComparison", "FileScores", "compare_file"]

BATCH = 32


@dataclass(frozen=True)
class FileComparison:
    """What `compare_file` found.

    Attributes:
        images: how many were compared.
        agreement: percent of them on which both name the same class; None where the output names no classes.
        accuracy: of the file, in percent; None without labels or classes.
        model_accuracy: of the network, likewise.
        output_errors: difference of each output, where there are several, or the only one names no classes.
    """

    images: int
    agreement: float | None
    accuracy: float | None
    model_accuracy: float | None
    output_errors: tuple[OutputError, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; `output_errors` where there are any."""
        values = {name: getattr(self, name) for name in ("images", "agreement", "accuracy", "model_accuracy")}
        errors = {"output_errors": [error.to_dict() for error in self.output_errors]} if self.output_errors else {}
        return values | errors


class FileScores:
    """What a written network and the one it was written from put out, added up batch by batch.

    Args:
        model: the network.
        images: opened for it.

    Raises:
        DataError: labels do not fit its classes, or only some images have one.
    """

    def __init__(self, model: Model, images: Images) -> None:
        shapes = shapes_of(model)
        self._classes = class_count(shapes[0])
        self._labels = labels_of(images, self._classes)
        self._differences = differences_of(model.outputs, shapes, shapes)
        self._images = len(images)
        self._written: list[Tensor] = []
        self._wanted: list[Tensor] = []

    def add(self, written: Sequence[Tensor], wanted: Sequence[Tensor]) -> None:
        """Add a batch: each output of the written network, and of the other; more than the outputs are left out."""
        if self._classes is not None:
            self._written.append(written[0].flatten(1).argmax(1))
            self._wanted.append(wanted[0].flatten(1).argmax(1))
        if self._differences is not None:
            self._differences.add(written, wanted)

    def comparison(self) -> FileComparison:
        """Return what all batches say."""
        errors = () if self._differences is None else self._differences.errors()
        if self._classes is None:
            return FileComparison(self._images, None, None, None, errors)
        written, wanted, labels = torch.cat(self._written), torch.cat(self._wanted), self._labels
        return FileComparison(
            self._images,
            _percent(written, wanted),
            None if labels is None else _percent(written, labels),
            None if labels is None else _percent(wanted, labels),
            errors,
        )


def _percent(classes: Tensor, wanted: Tensor) -> float:
    return 100 * int((classes == wanted).sum()) / len(wanted)


def compare_file(
    source: str | os.PathLike[str] | onnx.ModelProto | Callable[[Tensor], tuple[Tensor, ...]],
    model: Model,
    data: DataLike,
    *,
    limit: int | None = None,
    progress: Progress = no_progress,
) -> FileComparison:
    """Run a file in onnxruntime and the network in torch on the same images, in single precision.

    Args:
        source: ONNX file, the network in it, or a function from a batch to the outputs.
        model: what it was written from; a mean-coupled SNN runs collapsed.
        data: Data in any form that `evaluate` takes; labels are optional.
        limit: the first so many images; None: all.
        progress: told of each batch.

    Raises:
        DataError: there is no image, the data do not fit the network, or only some have labels.
        FileError: onnxruntime cannot read the file.
    """
    images = as_images(data, model.input, "eval").first(limit)
    if not len(images):
        raise DataError(f"{images.spec!r} holds no {images.input.noun}.")
    fast = for_inference(collapse(model) if collapses(model) else model)
    file = source if callable(source) else _in_onnxruntime(source)
    scores = FileScores(model, images)
    with torch.inference_mode():
        batches = images.batches(BATCH)
        for x, _ in progress(batches, "comparing", math.ceil(len(images) / BATCH)):
            scores.add(file(x), outputs_of(fast(x)))
    return scores.comparison()


def _in_onnxruntime(source: str | os.PathLike[str] | onnx.ModelProto) -> OnnxNetwork:
    return StreamedNetwork(source) if is_single_step(source) else OnnxNetwork(source)
