"""A NIR graph beside the network that it was written from, image by image."""

from __future__ import annotations

from snnconv.data.opening import DataLike
from snnconv.evaluation.score import Score
from snnconv.evaluation.written import compare_written
from snnconv.formats.nir.writing import nir_file
from snnconv.model import Model
from snnconv.progress import Progress, no_progress

__all__ = ["compare_nir"]


def compare_nir(
    model: Model,
    data: DataLike,
    *,
    exact_reset: bool = False,
    unit_thresholds: bool = False,
    limit: int | None = None,
    progress: Progress = no_progress,
) -> Score:
    """Run the network that a NIR file holds, neurons of one threshold a step, and the network itself, on samples.

    The file's bytes are read back and run; the loops of an exact reset as the neurons that they are.

    Args:
        model: Causally coupled SNN.
        data: Data in any form that `evaluate` takes; labels are optional.
        exact_reset: Option of the file, see `to_nir`.
        unit_thresholds: Option of the file, see `to_nir`.
        limit: Number of samples, the first ones; None: all.
        progress: Receiver of each batch's progress.

    Raises:
        ModelError: NIR cannot hold the network.
        DataError: There is no sample, or the data do not fit the network.
    """
    written = nir_file(model, exact_reset=exact_reset, unit_thresholds=unit_thresholds)
    return compare_written(written, model, data, limit=limit, progress=progress)
