"""The scorer: a network, and a reference beside it, over images; and whether these images can tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from snnconv.data.images import Images
from snnconv.errors import ModelError
from snnconv.evaluation.differences import Differences, Shape, class_count
from snnconv.evaluation.inputs import check_against
from snnconv.evaluation.metrics import Metric, OutputArrays
from snnconv.evaluation.predictions import ImagePredictions, joined, predictions_of
from snnconv.evaluation.score import Score, score_of
from snnconv.progress import Progress, no_progress
from snnconv.runtime.runnable import Runnable, run_together

__all__ = ["check_pair", "differences_of", "has_labels", "score"]


def score(
    network: Runnable,
    images: Images,
    *,
    against: Runnable | None = None,
    metrics: Mapping[str, Metric] | None = None,
    batch_size: int | None = None,
    description: str = "Evaluating",
    progress: Progress = no_progress,
) -> Score:
    """Run a network, and a reference beside it where there is one, over all images, and score the network.

    Args:
        network: Network that is scored.
        images: Images opened for it, at least one. Labels are optional.
        against: Reference; it is given the same images in its own layout and normalisation.
        metrics: Functions of all outputs by name, as `evaluate` takes them; what they are given stays in memory.
        batch_size: Images at a time; None: as many as both run well.
        description: Heading of the progress.
        progress: Receiver of each batch's progress.

    Raises:
        DataError: Labels do not fit the network's classes, or only some images have one.
        InvalidValueError: A metric returns no number.
        ModelError: The reference takes other images, or has another first output.
    """
    if against is not None:
        check_pair(network, against, images)
    classes = class_count(network.shapes[0])
    labelled = has_labels(images, classes)
    networks = [network] if against is None else [network, against]
    differences = None if against is None else differences_of(network, against)
    parts: list[list[ImagePredictions]] = [[] for _ in networks]
    gathered = [OutputArrays(network.outputs) for _ in networks] if metrics else []
    labels: list[Tensor] = []
    for batch, outputs in run_together(
        networks, images, batch_size=batch_size, description=description, progress=progress
    ):
        labels.append(batch.labels)
        if classes is not None:
            for predictions, network_outputs in zip(parts, outputs, strict=True):
                predictions.append(predictions_of(network_outputs))
        if differences is not None:
            differences.add(outputs[0], outputs[1].final)
        for arrays, network_outputs in zip(gathered, outputs, strict=False):
            arrays.add(network_outputs.final)
    errors = () if differences is None else differences.errors()
    figures = [arrays.measured(metrics or {}, images.labels) for arrays in gathered]
    if classes is None:
        scored = Score(images=len(images), output_errors=errors)
    else:
        ours, *theirs = (joined(predictions) for predictions in parts)
        scored = score_of(ours, torch.cat(labels) if labelled else None, theirs[0] if theirs else None, errors)
    ours_by_name, theirs_by_name = [*figures, {}, {}][:2]
    return replace(scored, metrics=ours_by_name, against_metrics=theirs_by_name)


def check_pair(network: Runnable, against: Runnable, images: Images) -> None:
    """Raise ModelError unless a reference takes the same images and has the same first output."""
    check_against(images.input, against.input)
    ours, theirs = network.shapes[0], against.shapes[0]
    classes, others = class_count(ours), class_count(theirs)
    if (classes is None and ours == theirs) or (classes is not None and classes == others):
        return
    if classes is not None and others is not None:
        raise ModelError(
            f"The network has {classes} outputs, the network it is compared with {others}: "
            "compare with the network it was made from."
        )
    raise ModelError(
        f"The network's first output has shape {list(ours)} for a sample, that of the network it is compared with "
        f"{list(theirs)}: compare with the network it was made from."
    )


def has_labels(images: Images, classes: int | None) -> bool:
    """Return whether images are labelled.

    Args:
        images: Opened data.
        classes: Number of classes; None: the network names none, and labels say nothing of it.

    Raises:
        DataError: Labels do not fit the classes, or only some images have one.
    """
    if classes is None or images.labels is None or bool((images.labels < 0).all()):
        return False
    images.check_labels(classes)
    return True


def differences_of(network: Runnable, against: Runnable) -> Differences:
    """Return the measure of the outputs' errors: of the first output, and of those after it while shapes are equal."""
    shapes: tuple[Shape, ...] = network.shapes
    alike = 1
    while alike < min(len(shapes), len(against.shapes)) and shapes[alike] == against.shapes[alike]:
        alike += 1
    return Differences(network.outputs[:alike], shapes[:alike])
