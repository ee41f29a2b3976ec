"""Networks over images: what they answer, batch by batch, and whether these images can tell."""

from __future__ import annotations

import math

import torch

from snnconv.data.images import Images
from snnconv.errors import ModelError
from snnconv.evaluation.accuracy import Scores, predict
from snnconv.evaluation.inputs import adapt, check_against
from snnconv.model import Model
from snnconv.progress import Progress
from snnconv.runtime.onnxruntime import OnnxNetwork
from snnconv.runtime.running import placed

__all__ = ["check_pair", "classes_of", "has_labels", "score"]


def classes_of(model: Model) -> int:
    """Number of classes of the first output; an output `[B]`, one number an image, counts as one class."""
    output = next(node for node in model.graph.graph.nodes if node.op == "output")
    result = output.args[0]
    shape = tuple((result[0] if isinstance(result, tuple) else result).meta["shape"])
    classes: int = math.prod(shape)
    if max(shape, default=1) != classes:
        raise ModelError(f"The first output has shape {list(shape)} for an image: classes are one axis of numbers.")
    return classes


def check_pair(classes: int, against: Model, images: Images) -> None:
    """Raise ModelError unless another network takes the same images and has as many classes."""
    check_against(images.input, against.input)
    other = classes_of(against)
    if classes != other:
        raise ModelError(
            f"The network has {classes} outputs, the network it is compared with {other}: "
            "compare with the network it was made from."
        )


def has_labels(images: Images, classes: int) -> bool:
    """Whether images are labelled; labels that do not fit, or that only some images have, are refused."""
    if images.labels is None or bool((images.labels < 0).all()):
        return False
    images.check_labels(classes)
    return True


def score(
    running: list[Model | OnnxNetwork],
    against: Model | None,
    images: Images,
    labelled: bool,
    size: int,
    progress: Progress,
) -> Scores:
    """Run a network, and another beside it where there is one, over all images."""
    scores = Scores()
    own, *others = running
    batches = progress(images.batches(size), "Evaluating", math.ceil(len(images) / size))
    with torch.inference_mode():
        for x, labels in batches:
            found = None
            if against is not None:
                found = predict(others[0], placed(adapt(x, images.input, against.input), others[0]))
            scores.add(predict(own, placed(x, own)), labels if labelled else None, found)
    return scores
