"""The images of a calibration: the user's, or synthesised ones."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from snnconv.convert.calibration.batches import evenly
from snnconv.convert.calibration.cost import forward_seconds
from snnconv.convert.calibration.image_checks import check_images
from snnconv.convert.calibration.synthesis import STEPS, holds_statistics, synthesise
from snnconv.convert.calibration.synthetic import synthetic_images
from snnconv.data.opening import DataLike, as_images
from snnconv.data.samples import Samples
from snnconv.errors import DataError, SnnconvWarning
from snnconv.graph.access import samples_within
from snnconv.model import Model
from snnconv.progress import Progress, no_progress
from snnconv.spiking.sites import is_rectifier, iter_sites

__all__ = [
    "DEFAULT_IMAGES",
    "CalibrationImages",
    "batch_size",
    "draw_images",
    "evenly",
    "images_for",
    "make_images",
    "random_images",
]

DEFAULT_IMAGES = 1024  # of the user's, at most
SYNTHETIC_IMAGES = 256
FEWEST_SYNTHETIC, SYNTHESIS_S = 32, 120.0  # as many images as are estimated to be made in that time
ELEMENTS, LARGEST_BATCH = 1 << 22, 256  # of the largest activation of one batch: enough for a processor's cache


@dataclass(frozen=True)
class CalibrationImages:
    """Images in batches.

    Attributes:
        batches: Normalised images, `[B, ...]` each.
        description: Origin of the images, in words.
        real: True where they are the user's, False where they are synthesised.
        calibrate: True where there is something to calibrate with them, False where they only serve to verify.
    """

    batches: list[Tensor]
    description: str
    real: bool
    calibrate: bool = True

    @property
    def count(self) -> int:
        """The number of images."""
        return sum(len(batch) for batch in self.batches)


def images_for(
    source: Model,
    ann: Model,
    data: DataLike | None,
    count: int,
    checked: int,
    seed: int,
    progress: Progress = no_progress,
) -> CalibrationImages:
    """Return the images of a conversion: to calibrate with, or where all ceilings are trained, to verify with.

    Args:
        source: Network as it was given, its batch-norms not folded.
        ann: Network as `plan.prepare` returns it.
        data: Data in any form that `as_images` takes; None: images are made.
        count: Most images.
        checked: Most images of a network that is quantized already.
        seed: Seed of the draw.
        progress: Display of the progress.

    Raises:
        DataError: The data do not fit the network, or there are none and nothing can stand in for them.
        InvalidValueError: Samples in memory do not fit it.

    Warns:
        SnnconvWarning: There are no data, fewer images than asked for, or images that calibrate badly.
    """
    if not any(is_rectifier(site) for _, site in iter_sites(ann.graph)):
        return replace(_for_verification(ann, data, min(count, checked), seed), calibrate=False)
    if data is not None:
        images = draw_images(ann, data, count, seed)
        check_images(ann, images.batches)
        return images
    _require_numbers(source)
    images, noun = make_images(source, count, seed, progress), source.input.noun
    warnings.warn(
        f"No calibration data: {images.description}, stand in. What the network meets may go beyond ceilings that "
        f"no {noun} has tried, which costs accuracy. Give unlabelled {noun}s of the kind the network will see with "
        "--calibration-data (in Python: calibration_data=...).",
        SnnconvWarning,
        stacklevel=3,
    )
    return images


def _require_numbers(model: Model) -> None:
    """Refuse to make up whole numbers and booleans, such as tokens and masks: random ones say nothing of real ones."""
    named = [part for part in model.input.parts if part.kind != "float"]
    if named:
        raise DataError(
            f"The network takes {', '.join(map(str, named))}, which are not made up: its calibration needs data. Give "
            "samples of the kind the network will see with --calibration-data npz:FILE, arrays by the names of the "
            "inputs (in Python: calibration_data={...}). Labels are not needed."
        )


def _for_verification(ann: Model, data: DataLike | None, count: int, seed: int) -> CalibrationImages:
    """Return images for a network that is quantized already: the user's, which are checked, or random ones."""
    trained = "none: the ceilings are trained"
    if data is None:
        return replace(random_images(ann, count, seed), description=trained)
    images = draw_images(ann, data, count, seed, quiet=True)
    return replace(images, description=f"{trained}; {images.description}, serve to verify only")


def draw_images(model: Model, data: DataLike, count: int, seed: int, *, quiet: bool = False) -> CalibrationImages:
    """Draw from the user's images.

    Args:
        model: Network that takes the images; data are opened for its input.
        data: Data in any form that `as_images` takes.
        count: Most images.
        seed: Seed of the draw.
        quiet: True where fewer images than `count` are as good.

    Raises:
        DataError: The data do not fit the network.
        InvalidValueError: Samples in memory do not fit it.

    Warns:
        SnnconvWarning: The data hold fewer images than `count`.
    """
    size = batch_size(model)
    opened = as_images(data, model.input, "calibration", name="calibration_data")
    quiet = quiet or isinstance(opened, Samples)
    if opened.sample_shape != model.input.sample_shape():
        raise DataError(
            f"{opened.spec!r} was opened for inputs {list(opened.sample_shape)}, the network takes "
            f"{list(model.input.sample_shape())}: open it with the network's own input."
        )
    if count == DEFAULT_IMAGES > len(opened) and not quiet:
        text = f"Using all {len(opened):,} {opened.input.noun}s (at most {DEFAULT_IMAGES:,} by default)."
        warnings.warn(text, SnnconvWarning, stacklevel=4)
        quiet = True
    sample = opened.sample(min(count, len(opened)) if quiet else count, seed)
    return CalibrationImages([x for x, _ in sample.batches(size)], f"{opened.spec}, seed {seed}", True)


def random_images(model: Model, count: int, seed: int) -> CalibrationImages:
    """Return smooth random images, drawn from the input spec alone."""
    drawn = synthetic_images(model.input, count, seed)
    words = f"random {model.input.noun}s drawn from the input spec, seed {seed}"
    return CalibrationImages(list(torch.split(drawn, batch_size(model))), words, False)


def make_images(source: Model, count: int, seed: int, progress: Progress = no_progress) -> CalibrationImages:
    """Make images without data: from the input spec, the weights and, where the graph holds them, statistics.

    Args:
        source: ANN as it was given, its batch-norms not folded.
        count: Most images; no more are made than are estimated to take about two minutes.
        seed: Seed of the images that they start from.
        progress: Display of the progress.
    """
    affordable = int(SYNTHESIS_S / (3 * STEPS * forward_seconds(source)))
    count = min(count, max(affordable, FEWEST_SYNTHETIC), SYNTHETIC_IMAGES)
    images = synthesise(source, synthetic_images(source.input, count, seed), seed=seed, progress=progress)
    of = "weights and batch-norm statistics" if holds_statistics(source) else "weights"
    words = f"{count} {source.input.noun}s made from the input spec and the network's {of}, seed {seed}"
    return CalibrationImages(list(torch.split(images, batch_size(source))), words, False)


def batch_size(model: Model) -> int:
    """Return the number of images of one batch."""
    return min(LARGEST_BATCH, samples_within(model.graph, ELEMENTS))
