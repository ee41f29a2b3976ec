"""A file in onnxruntime beside the network that it was written from, image by image."""

from __future__ import annotations

import os

import onnx

from snnconv.data.opening import DataLike
from snnconv.evaluation.score import Score
from snnconv.evaluation.written import compare_network
from snnconv.model import Model
from snnconv.progress import Progress, no_progress
from snnconv.runtime.file_runner import run_file

__all__ = ["compare_file"]


def compare_file(
    source: str | os.PathLike[str] | onnx.ModelProto,
    model: Model,
    data: DataLike,
    *,
    limit: int | None = None,
    progress: Progress = no_progress,
) -> Score:
    """Run a file in onnxruntime and the network in torch on the same images, in float32.

    Args:
        source: File, or the network that it holds.
        model: Network that it was written from; a mean-coupled SNN runs collapsed.
        data: Data in any form that `evaluate` takes; labels are optional.
        limit: Number of images, the first ones; None: all.
        progress: Receiver of each batch's progress.

    Raises:
        DataError: There is no image, the data do not fit the network, or only some have labels.
        FileError: onnxruntime cannot read the file.
    """
    return compare_network(run_file(source, model), model, data, limit=limit, progress=progress)
