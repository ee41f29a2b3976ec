"""The images of a calibration: the user's, or synthesised; and whether they are fit for it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from snnconv.convert.calibration.cost import forward_seconds
from snnconv.convert.calibration.synthesis import STEPS, holds_statistics, synthesise
from snnconv.convert.calibration.synthetic import synthetic_images
from snnconv.data.opening import DataLike, as_images
from snnconv.data.samples import Samples
from snnconv.errors import DataError, SnnconvWarning
from snnconv.model import Model, rows_of
from snnconv.progress import Progress, no_progress

__all__ = [
    "DEFAULT_IMAGES",
    "CalibrationImages",
    "batch_size",
    "check_images",
    "draw_images",
    "evenly",
    "make_images",
    "random_images",
]

DEFAULT_IMAGES = 1024  # of the user's, at most
SYNTHETIC_IMAGES = 256
FEWEST_SYNTHETIC, SYNTHESIS_S = 32, 120.0  # as many images as are estimated to be made in that time
ELEMENTS = 1 << 22  # of the largest activation of one calibration batch: what suits a processor's cache
FEWEST = 16  # images, below which a calibration set is called small
ASKED = 128  # images that the network answers
ONE_ANSWER, SURE = 95.0, 90.0  # percent of the images with one arg-max; of mean confidence
UNIT_MEAN, UNIT_STD = 1.5, (0.25, 4.0)  # of normalised pixels: what lies outside was hardly normalised as in training


@dataclass(frozen=True)
class CalibrationImages:
    """Images in batches.

    Attributes:
        batches: normalised, `[B, ...]` each.
        description: where they come from, in words.
        real: they are the user's, not synthesised.
    """

    batches: list[Tensor]
    description: str
    real: bool

    @property
    def count(self) -> int:
        """Number of images."""
        return sum(len(batch) for batch in self.batches)


def draw_images(model: Model, data: DataLike, count: int, seed: int, *, quiet: bool = False) -> CalibrationImages:
    """Draw from the user's images.

    Args:
        model: what they are for; data are opened for its input.
        data: Data in any form that `as_images` takes.
        count: at most so many.
        seed: of the draw.
        quiet: whether fewer images than `count` are as good.

    Raises:
        DataError: the data do not fit the network.
        InvalidValueError: Samples in memory do not fit it.

    Warns:
        SnnconvWarning: the data hold fewer images than `count`.
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
        text = f"Using all {len(opened):,} images (at most {DEFAULT_IMAGES:,} by default)."
        warnings.warn(text, SnnconvWarning, stacklevel=4)
        quiet = True
    sample = opened.sample(min(count, len(opened)) if quiet else count, seed)
    return CalibrationImages([x for x, _ in sample.batches(size)], f"{opened.spec}, seed {seed}", True)


def random_images(model: Model, count: int, seed: int) -> CalibrationImages:
    """Smooth random images, drawn from the input spec alone."""
    drawn = synthetic_images(model.input, count, seed)
    words = f"random images drawn from the input spec, seed {seed}"
    return CalibrationImages(list(torch.split(drawn, batch_size(model))), words, False)


def make_images(source: Model, count: int, seed: int, progress: Progress = no_progress) -> CalibrationImages:
    """Images where there are no data: from the input spec, the weights and, where the graph holds them, statistics.

    Args:
        source: the ANN as it was given, its batch-norms not folded.
        count: at most so many; no more than can be made within about two minutes.
        seed: of what they start from.
        progress: shows the work.
    """
    affordable = int(SYNTHESIS_S / (3 * STEPS * forward_seconds(source)))
    count = min(count, max(affordable, FEWEST_SYNTHETIC), SYNTHETIC_IMAGES)
    made = synthesise(source, synthetic_images(source.input, count, seed), seed=seed, progress=progress)
    of = "weights and batch-norm statistics" if holds_statistics(source) else "weights"
    words = f"{count} images made from the input spec and the network's {of}, seed {seed}"
    return CalibrationImages(list(torch.split(made, batch_size(source))), words, False)


def evenly(batches: Sequence[Tensor], count: int) -> list[Tensor]:
    """At most `count` images `[B, ...]` spread over all batches, in batches no larger than these."""
    total = sum(map(len, batches))
    if count >= total:
        return list(batches)
    taken = torch.arange(count) * total // count
    start, picked = 0, []
    for batch in batches:
        here = taken[(taken >= start) & (taken < start + len(batch))] - start
        picked.append(batch[here])
        start += len(batch)
    return list(torch.split(torch.cat(picked), max(map(len, batches))))


def batch_size(model: Model) -> int:
    """Images of one batch, by the largest activation."""
    shapes = [node.meta["shape"] for node in model.graph.graph.nodes if "shape" in node.meta]
    largest = max((int(torch.Size(shape).numel()) for shape in shapes), default=1)
    return max(1, min(256, ELEMENTS // largest))


@torch.no_grad()
def check_images(ann: Model, images: CalibrationImages) -> None:
    """Warn of images that calibrate badly, with the numbers that show it.

    Args:
        ann: answers the images.
        images: the user's.

    Warns:
        SnnconvWarning: very few images; all the same; pixels far from zero mean and unit deviation; one answer for all.
    """
    found = []
    if images.count < FEWEST:
        found.append(f"there are {images.count} images only: give {FEWEST} or more, better hundreds")
    first = images.batches[0][:1]
    spread = max(float((batch - first).abs().max()) for batch in images.batches)
    if images.count > 1 and spread == 0:
        found.append("all images are the same: ceilings will fit that one image only")
    total = sum(batch.numel() for batch in images.batches)
    mean = sum(float(batch.double().sum()) for batch in images.batches) / total
    square = sum(float(batch.double().square().sum()) for batch in images.batches) / total
    deviation = max(square - mean**2, 0.0) ** 0.5
    if deviation == 0:
        found.append(f"every pixel is {mean:.4g}: these are no images")
    elif _normalised(ann) and not (abs(mean) <= UNIT_MEAN and UNIT_STD[0] <= deviation <= UNIT_STD[1]):
        found.append(
            f"normalised pixels have mean {mean:.3g} and standard deviation {deviation:.3g}, about 0 and 1 are usual: "
            "check --mean and --std, and whether pixels are in 0..1"
        )
    found += _one_answer(ann, images)
    if found:
        warnings.warn(f"The calibration images: {'; '.join(found)}.", SnnconvWarning, stacklevel=3)


def _normalised(ann: Model) -> bool:
    """Whether the network says how its pixels are normalised to about zero mean and unit deviation."""
    spec = ann.input
    return spec.layout != "NC" and spec.mean is not None and spec.std is not None and any(m > 0 for m in spec.mean)


def _one_answer(ann: Model, images: CalibrationImages) -> list[str]:
    """Whether the network is sure of one and the same answer, as of images of one class or of pixels it never met."""
    answers, sure = [], 0.0
    for batch in evenly(images.batches, ASKED):
        out = ann.graph(batch)
        logits = rows_of(out[0] if isinstance(out, tuple) else out)
        if logits.shape[1] < 2:
            return []
        answers.append(logits.argmax(1))
        sure += float(_probabilities(logits).amax(1).sum())
    named, counts = torch.unique(torch.cat(answers), return_counts=True)
    asked = int(counts.sum())
    share, confidence = 100 * float(counts.max()) / asked, 100 * sure / asked
    if images.count < FEWEST or share < ONE_ANSWER or confidence < SURE:
        return []
    return [
        f"the network answers {int(named[counts.argmax()])} for {share:.0f} % of them, with {confidence:.0f} % "
        "confidence in the mean: they are of one class, or not normalised as in training (--mean, --std)"
    ]


def _probabilities(out: Tensor) -> Tensor:
    """Outputs that sum to one are probabilities already."""
    given = bool((out >= 0).all()) and bool(torch.isclose(out.sum(1), torch.ones(()), atol=1e-3).all())
    return out if given else out.softmax(1)
