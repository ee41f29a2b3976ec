"""A network in an export format beside the network that it was written from, whatever the format is."""

from __future__ import annotations

import onnx

from snnconv.evaluation.file import FileComparison, compare_file
from snnconv.evaluation.hardware import compare_hardware
from snnconv.evaluation.nir import compare_model
from snnconv.formats.exporting import Exported
from snnconv.formats.hardware import HardwareNetwork
from snnconv.model import Model
from snnconv.progress import Progress, no_progress

__all__ = ["compare_written"]


def compare_written(
    written: Exported, model: Model, data: str, *, limit: int | None = None, progress: Progress = no_progress
) -> FileComparison:
    """Run what is written in a format and the network on the same images.

    Args:
        written: Network in the format.
        model: Network that it was written from.
        data: Data spec; labels are optional.
        limit: Number of images from the first on; None: all.
        progress: Receiver of the progress.

    Raises:
        DataError: There is no image, or the data do not fit the network.
        FileError: What is written is damaged.
    """
    opened = written.open(model)
    if isinstance(opened, Model):
        return compare_model(opened, model, data, limit=limit, progress=progress)
    if isinstance(opened, HardwareNetwork):
        return compare_hardware(opened, model, data, limit=limit, progress=progress)
    assert isinstance(opened, onnx.ModelProto) or callable(opened)
    return compare_file(opened, model, data, limit=limit, progress=progress)
