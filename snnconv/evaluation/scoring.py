"""Networks over images: what they answer, batch by batch, and whether these images can tell."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from snnconv.data.images import Images
from snnconv.errors import ModelError
from snnconv.evaluation.accuracy import Scores, predictions_of
from snnconv.evaluation.differences import Differences, Shape, class_count
from snnconv.evaluation.inputs import adapt, check_against
from snnconv.graph.access import results
from snnconv.model import SNN, Model
from snnconv.progress import Progress
from snnconv.runtime.onnxruntime import OnnxNetwork
from snnconv.runtime.running import placed

__all__ = ["check_pair", "classes_of", "differences_of", "has_labels", "labels_of", "outputs_of", "score", "shapes_of"]


def shapes_of(model: Model) -> tuple[Shape, ...]:
    """Return the axes of one sample of each output; those of a spiking network's steps are left out."""
    outputs = results(model.graph)
    count = len(outputs) // 2 if isinstance(model, SNN) else len(outputs)
    return tuple(tuple(node.meta["shape"]) for node in outputs[:count])


def classes_of(model: Model) -> int:
    """Return the number of classes of the first output.

    Raises:
        ModelError: it names none.
    """
    shape = shapes_of(model)[0]
    classes = class_count(shape)
    if classes is None:
        raise ModelError(
            f"The first output has shape {list(shape)} for a sample: classes are one axis of two numbers or more. "
            "`snnconv evaluate --against` measures the error of such outputs."
        )
    return classes


def check_pair(shapes: tuple[Shape, ...], against: Model, images: Images) -> None:
    """Raise ModelError unless another network takes the same images and has the same first output."""
    check_against(images.input, against.input)
    ours, theirs = shapes[0], shapes_of(against)[0]
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


def differences_of(names: tuple[str, ...], shapes: tuple[Shape, ...], theirs: tuple[Shape, ...]) -> Differences | None:
    """Return what measures the outputs' errors; None where the only output names classes.

    Args:
        names: names of the outputs.
        shapes: axes of one sample of each.
        theirs: the same of the other network; only the first outputs, as far as they are alike, are compared.
    """
    if len(shapes) == 1 and class_count(shapes[0]) is not None:
        return None
    alike = 0
    while alike < min(len(shapes), len(theirs)) and shapes[alike] == theirs[alike]:
        alike += 1
    return Differences(names[:alike], shapes[:alike])


def has_labels(images: Images, classes: int | None) -> bool:
    """Return whether images are labelled; labels that do not fit, or that only some images have, are refused.

    Args:
        images: opened data.
        classes: number of classes; None: the network names none, and labels say nothing of it.
    """
    if classes is None or images.labels is None or bool((images.labels < 0).all()):
        return False
    images.check_labels(classes)
    return True


def labels_of(images: Images, classes: int | None) -> Tensor | None:
    """Return all labels, `[n]`, where `has_labels`; else None."""
    if not has_labels(images, classes) or images.labels is None:
        return None
    return torch.from_numpy(images.labels.copy())


def score(
    running: list[Model | OnnxNetwork],
    against: Model | None,
    images: Images,
    labelled: bool,
    size: int,
    progress: Progress,
    *,
    classes: bool,
    differences: Differences | None,
) -> Scores:
    """Run a network, and another beside it where there is one, over all images.

    Args:
        running: the network, and the other one.
        against: the other one as it was given.
        images: opened for the network.
        labelled: whether labels are compared.
        size: images at a time.
        progress: told of each batch.
        classes: whether the first output names classes.
        differences: what measures the errors of outputs, where that is asked for.
    """
    scores = Scores()
    own, *others = running
    batches = progress(images.batches(size), "Evaluating", math.ceil(len(images) / size))
    with torch.inference_mode():
        for x, labels in batches:
            outputs, theirs = outputs_of(own(placed(x, own))), None
            if against is not None:
                theirs = outputs_of(others[0](placed(adapt(x, images.input, against.input), others[0])))
            if classes:
                named = None if theirs is None else predictions_of(theirs, stepped=others[0].timesteps is not None)
                stepped = own.timesteps is not None
                scores.add(predictions_of(outputs, stepped=stepped), labels if labelled else None, named)
            else:
                scores.images += len(labels)
            if differences is not None and theirs is not None:
                differences.add(outputs, theirs)
    return scores


def outputs_of(out: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return what a network of one or several outputs put out as a tuple."""
    return out if isinstance(out, tuple) else (out,)
