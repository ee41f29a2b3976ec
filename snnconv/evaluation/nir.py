"""A NIR graph beside the network that it was written from, image by image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from snnconv.data.datasets import open_data
from snnconv.data.images import Images
from snnconv.evaluation.inputs import first_images
from snnconv.evaluation.score import Score
from snnconv.evaluation.scoring import score
from snnconv.formats.nir import NirReading, read_network
from snnconv.formats.nir.writing import nir_bytes, to_nir
from snnconv.model import Model
from snnconv.progress import Progress, no_progress
from snnconv.runtime.running import resolve
from snnconv.runtime.torch_runner import in_one_pass, run_in_torch

__all__ = ["compare_nir"]


def compare_nir(
    model: Model,
    data: Images | str,
    *,
    exact_reset: bool = False,
    unit_thresholds: bool = False,
    limit: int | None = None,
    progress: Progress = no_progress,
) -> Score:
    """Run the network that a NIR file holds, neurons of one threshold a step, and the network itself, on images.

    The file's bytes are read back and run; the loops of an exact reset as the neurons that they are.

    Args:
        model: Causally coupled SNN.
        data: Data spec, or images opened with `model.input`; labels are optional.
        exact_reset: Option of the file, as `to_nir` takes it.
        unit_thresholds: Option of the file, as `to_nir` takes it.
        limit: Number of images, the first ones; None: all.
        progress: Receiver of each batch's progress.

    Raises:
        ModelError: NIR cannot hold the network.
        DataError: There is no image, or the data do not fit the network.
    """
    graph = to_nir(model, exact_reset=exact_reset, unit_thresholds=unit_thresholds)
    written = read_network(nir_bytes(graph), Path("the written graph"), NirReading())
    dtype = resolve("auto", written, "torch")
    # the file has names of its own for the outputs, in the same order
    network = replace(run_in_torch(written, dtype), outputs=model.outputs)
    opened = open_data(data, written.input, purpose="eval") if isinstance(data, str) else data
    images = first_images(opened, limit)
    return score(network, images, against=run_in_torch(in_one_pass(model), dtype), progress=progress)
