"""A hardware folder's network of integers beside the network that it was made from, image by image."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snnconv.data.opening import DataLike, as_images
from snnconv.errors import DataError
from snnconv.evaluation.file import FileComparison, FileScores
from snnconv.evaluation.scoring import outputs_of
from snnconv.formats.hardware import HardwareNetwork
from snnconv.model import InputSpec, Model
from snnconv.progress import Progress, no_progress
from snnconv.runtime.inference import for_inference
from snnconv.spiking.unrolling import collapse, collapses

__all__ = ["compare_hardware", "integers_of"]

BATCH = 32
WHITE = 255


def integers_of(pixels: Tensor, spec: InputSpec) -> NDArray[np.int64]:
    """What a hardware network takes of images, in the network's layout.

    Args:
        pixels: `[B, C, H, W]`, uint8 or float32 (0..1); of recordings `[B, T, C, H, W]`, float32 counts.
        spec: of the network.

    Returns:
        `[B, *sample_shape]`, of recordings `[T, B, *sample_shape]`; 0..255.
    """
    if spec.timesteps is not None:
        pixels = pixels.transpose(0, 1)
    elif pixels.dtype != torch.uint8:
        pixels = pixels.double() * WHITE
    whole = pixels.double().round().clamp(0, WHITE).to(torch.int64)
    return np.asarray((whole.movedim(-3, -1) if spec.layout == "NHWC" else whole).numpy())


def compare_hardware(
    files: Mapping[str, bytes] | HardwareNetwork,
    model: Model,
    data: DataLike,
    *,
    limit: int | None = None,
    progress: Progress = no_progress,
) -> FileComparison:
    """Run a folder's integers and the network in torch, in single precision, on the same images.

    Args:
        files: Files of the folder by name, or the network of integers that they hold.
        model: what it was made from; a mean-coupled SNN runs collapsed.
        data: Data in any form that `evaluate` takes; labels are optional.
        limit: the first so many images; None: all.
        progress: told of each batch.

    Raises:
        DataError: there is no image, the data do not fit the network, or only some have labels.
        FileError: the folder is damaged.
    """
    images = as_images(data, model.input, "eval").first(limit)
    if not len(images):
        raise DataError(f"{images.spec!r} holds no {images.input.noun}.")
    fast = for_inference(collapse(model) if collapses(model) else model)
    network = files if isinstance(files, HardwareNetwork) else HardwareNetwork(files)
    scores, scales = FileScores(model, images), [float(output["scale"]) for output in network.graph["outputs"]]
    with torch.inference_mode():
        batches = images.pixel_batches(BATCH)
        for pixels in progress(batches, "comparing", math.ceil(len(images) / BATCH)):
            sums = network(integers_of(pixels, images.input))
            written = [torch.from_numpy(total) * scale for total, scale in zip(sums, scales, strict=True)]
            scores.add(written, outputs_of(fast(images.normalise(pixels))))
    return scores.comparison()
