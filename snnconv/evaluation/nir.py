"""A network that was read from what was written, beside the network that it was written from."""

from __future__ import annotations

from dataclasses import replace

from snnconv.evaluation.evaluation import evaluate
from snnconv.evaluation.file import FileComparison
from snnconv.formats.nir.writing import nir_file
from snnconv.model import Model
from snnconv.progress import Progress, no_progress

__all__ = ["compare_model", "compare_nir"]


def compare_nir(
    model: Model,
    data: str,
    *,
    exact_reset: bool = False,
    unit_thresholds: bool = False,
    limit: int | None = None,
    progress: Progress = no_progress,
) -> FileComparison:
    """Run what a NIR file holds of a network, neurons of one threshold a step, and the network itself, on samples.

    The file's bytes are read back and run; the loops of an exact reset as the neurons that they are.

    Args:
        model: Causally coupled SNN.
        data: Data spec; labels are optional.
        exact_reset: Option of the file, see `to_nir`.
        unit_thresholds: Option of the file, see `to_nir`.
        limit: Number of samples, counted from the first; None: all.
        progress: Receiver of the progress.

    Raises:
        ModelError: NIR cannot hold the network.
        DataError: There is no sample, or the data do not fit the network.
    """
    written = nir_file(model, exact_reset=exact_reset, unit_thresholds=unit_thresholds).open(model)
    return compare_model(written, model, data, limit=limit, progress=progress)


def compare_model(
    written: Model, model: Model, data: str, *, limit: int | None = None, progress: Progress = no_progress
) -> FileComparison:
    """Run a network that was read from what was written, and the network itself, on the same samples.

    Args:
        written: Network as it was read.
        model: Network that it was written from.
        data: Data spec; labels are optional.
        limit: Number of samples, counted from the first; None: all.
        progress: Receiver of the progress.

    Raises:
        DataError: There is no sample, or the data do not fit the network.
    """
    result = evaluate(written, data, against=model, limit=limit, activity_images=0, progress=progress)
    # what was read has names of its own for the outputs, in the same order
    errors = tuple(replace(error, name=name) for error, name in zip(result.output_errors, model.outputs, strict=False))
    return FileComparison(result.images, result.agreement, result.accuracy, result.against_accuracy, errors)
