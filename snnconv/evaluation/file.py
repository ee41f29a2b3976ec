"""A written network beside the network that it was written from, image by image."""

from __future__ import annotations

import os

import onnx

from snnconv.data.datasets import open_data
from snnconv.data.images import Images
from snnconv.evaluation.inputs import first_images
from snnconv.evaluation.score import Score
from snnconv.evaluation.scoring import score
from snnconv.model import Model
from snnconv.progress import Progress, no_progress
from snnconv.runtime.file_runner import run_file
from snnconv.runtime.runnable import Runnable
from snnconv.runtime.torch_runner import in_one_pass, run_in_torch

__all__ = ["compare_file", "compare_written"]


def compare_file(
    source: str | os.PathLike[str] | onnx.ModelProto,
    model: Model,
    data: Images | str,
    *,
    limit: int | None = None,
    progress: Progress = no_progress,
) -> Score:
    """Run a file in onnxruntime and the network in torch on the same images, in float32.

    Args:
        source: File, or the network that it holds.
        model: Network that it was written from; a mean-coupled SNN runs collapsed.
        data: Data spec, or images opened with `model.input`; labels are optional.
        limit: Number of images, the first ones; None: all.
        progress: Receiver of each batch's progress.

    Raises:
        DataError: There is no image, the data do not fit the network, or only some have labels.
        FileError: onnxruntime cannot read the file.
    """
    return compare_written(run_file(source, model), model, data, limit=limit, progress=progress)


def compare_written(
    written: Runnable,
    model: Model,
    data: Images | str,
    *,
    limit: int | None = None,
    progress: Progress = no_progress,
) -> Score:
    """Run a written network and the network itself, in torch in float32, on the same images.

    Args:
        written: Network as it was written, ready to run.
        model: Network that it was written from; a mean-coupled SNN runs collapsed.
        data: Data spec, or images opened with `model.input`; labels are optional.
        limit: Number of images, the first ones; None: all.
        progress: Receiver of each batch's progress.

    Raises:
        DataError: There is no image, the data do not fit the network, or only some have labels.
    """
    opened = open_data(data, model.input, purpose="eval") if isinstance(data, str) else data
    return score(
        written,
        first_images(opened, limit),
        against=run_in_torch(in_one_pass(model)),
        batch_size=written.batch_size,
        description="comparing",
        progress=progress,
    )
