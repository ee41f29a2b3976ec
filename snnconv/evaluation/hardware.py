"""The integers of a hardware folder beside the network that they were made from, image by image."""

from __future__ import annotations

from collections.abc import Mapping

from snnconv.data.opening import DataLike
from snnconv.evaluation.score import Score
from snnconv.evaluation.written import compare_network
from snnconv.formats.hardware import HardwareNetwork
from snnconv.model import Model
from snnconv.progress import Progress, no_progress
from snnconv.runtime.hardware_runner import run_hardware

__all__ = ["compare_hardware"]


def compare_hardware(
    files: Mapping[str, bytes] | HardwareNetwork,
    model: Model,
    data: DataLike,
    *,
    limit: int | None = None,
    progress: Progress = no_progress,
) -> Score:
    """Run a folder's integers and the network in torch, in float32, on the same images.

    Args:
        files: Files of the folder by name, or the network of integers that they hold.
        model: Network that they were made from; a mean-coupled SNN runs collapsed.
        data: Data in any form that `evaluate` takes; labels are optional.
        limit: Number of images, the first ones; None: all.
        progress: Receiver of each batch's progress.

    Raises:
        DataError: There is no image, the data do not fit the network, or only some have labels.
        FileError: The folder is damaged.
    """
    return compare_network(run_hardware(files, model), model, data, limit=limit, progress=progress)
