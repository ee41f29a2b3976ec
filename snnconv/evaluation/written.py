"""A network in an export format beside the network that it was written from, whatever the format is."""

from __future__ import annotations

from snnconv.data.opening import DataLike
from snnconv.evaluation.inputs import images_of
from snnconv.evaluation.score import Score
from snnconv.evaluation.scoring import score
from snnconv.formats.exporting import Exported
from snnconv.model import Model
from snnconv.progress import Progress, no_progress
from snnconv.runtime.runnable import Runnable
from snnconv.runtime.torch_runner import TorchRunner, in_one_pass, run_in_torch
from snnconv.runtime.written import run_written

__all__ = ["compare_network", "compare_written"]


def compare_written(
    written: Exported, model: Model, data: DataLike, *, limit: int | None = None, progress: Progress = no_progress
) -> Score:
    """Run a network that is written in a format, and the network itself, on the same images.

    Args:
        written: Network in the format.
        model: Network that it was written from.
        data: Data in any form that `evaluate` takes; labels are optional.
        limit: Number of images, the first ones; None: all.
        progress: Receiver of each batch's progress.

    Raises:
        DataError: There is no image, the data do not fit the network, or only some have labels.
        FileError: The written network is damaged.
    """
    return compare_network(run_written(written.open(model), model), model, data, limit=limit, progress=progress)


def compare_network(
    network: Runnable, model: Model, data: DataLike, *, limit: int | None = None, progress: Progress = no_progress
) -> Score:
    """Run a written network, and the network itself in torch, on the same images.

    Args:
        network: Written network, ready to run.
        model: Network that it was written from; a mean-coupled SNN runs collapsed. It runs in float64 where the written
            one does, else in float32.
        data: Data in any form that `evaluate` takes; labels are optional.
        limit: Number of images, the first ones; None: all.
        progress: Receiver of each batch's progress.

    Raises:
        DataError: There is no image, the data do not fit the network, or only some have labels.
    """
    return score(
        network,
        images_of(data, network.input, limit),
        against=run_in_torch(in_one_pass(model), "float64" if network.engine.dtype == "float64" else "float32"),
        batch_size=None if isinstance(network, TorchRunner) else network.batch_size,
        description="comparing",
        progress=progress,
    )
