"""A NIR graph beside the network that it was written from, image by image."""

from __future__ import annotations

from pathlib import Path

from snnconv.evaluation.evaluation import evaluate
from snnconv.evaluation.file import FileComparison
from snnconv.formats.nir import NirReading, read_network
from snnconv.formats.nir.writing import nir_bytes, to_nir
from snnconv.model import Model
from snnconv.progress import Progress, no_progress

__all__ = ["compare_model", "compare_nir"]


def compare_nir(
    model: Model, data: str, *, limit: int | None = None, progress: Progress = no_progress
) -> FileComparison:
    """Run what a NIR file holds of a network, neurons of one threshold a step, and the network itself, on images.

    Args:
        model: a causally coupled SNN.
        data: a data spec; labels are optional.
        limit: the first so many images; None: all.
        progress: told of each batch.

    Raises:
        ModelError: NIR cannot hold the network.
        DataError: there is no image, or the data do not fit the network.
    """
    written = read_network(nir_bytes(to_nir(model)), Path("the written graph"), NirReading())
    return compare_model(written, model, data, limit=limit, progress=progress)


def compare_model(
    written: Model, model: Model, data: str, *, limit: int | None = None, progress: Progress = no_progress
) -> FileComparison:
    """Run a network that was read from what was written, and the network itself, on images.

    Args:
        written: Network as it was read.
        model: Network that it was written from.
        data: Data spec; labels are optional.
        limit: Number of images from the first on; None: all.
        progress: Receiver of the progress.

    Raises:
        DataError: There is no image, or the data do not fit the network.
    """
    result = evaluate(written, data, against=model, limit=limit, activity_images=0, progress=progress)
    assert result.agreement is not None
    return FileComparison(result.images, result.agreement, result.accuracy, result.against_accuracy)
