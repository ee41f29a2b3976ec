"""A NIR graph beside the network that it was written from, image by image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from snnconv.evaluation.evaluation import evaluate
from snnconv.evaluation.file import FileComparison
from snnconv.formats.nir import NirReading, read_network
from snnconv.formats.nir.writing import nir_bytes, to_nir
from snnconv.model import Model
from snnconv.progress import Progress, no_progress

__all__ = ["compare_nir"]


def compare_nir(
    model: Model,
    data: str,
    *,
    exact_reset: bool = False,
    unit_thresholds: bool = False,
    limit: int | None = None,
    progress: Progress = no_progress,
) -> FileComparison:
    """Run what a NIR file holds of a network, neurons of one threshold a step, and the network itself, on images.

    The file's bytes are read back and run; the loops of an exact reset as the neurons that they are.

    Args:
        model: a causally coupled SNN.
        exact_reset: option of the file, as `to_nir` takes it.
        unit_thresholds: option of the file, as `to_nir` takes it.
        data: a data spec; labels are optional.
        limit: the first so many images; None: all.
        progress: told of each batch.

    Raises:
        ModelError: NIR cannot hold the network.
        DataError: there is no image, or the data do not fit the network.
    """
    graph = to_nir(model, exact_reset=exact_reset, unit_thresholds=unit_thresholds)
    written = read_network(nir_bytes(graph), Path("the written graph"), NirReading())
    found = evaluate(written, data, against=model, limit=limit, activity_images=0, progress=progress)
    names = zip(found.output_errors, model.outputs, strict=False)  # the file has names of its own, in the same order
    errors = tuple(replace(error, name=name) for error, name in names)
    return FileComparison(found.images, found.agreement, found.accuracy, found.against_accuracy, errors)
