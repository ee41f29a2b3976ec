"""The images that a reader should see: those on which two networks disagree, and those that settle last."""

from __future__ import annotations

from torch import Tensor

from snnconv.reporting.numbers import ImageNote
from snnconv.reporting.predictions import ImagePredictions

__all__ = ["disagreeing_images", "slowest_images"]


def disagreeing_images(
    predictions: ImagePredictions | None, others: ImagePredictions | None, labels: Tensor | None, most: int
) -> tuple[tuple[ImageNote, ...], int | None]:
    """Return the images that two networks classify differently, and the number of all of them.

    Args:
        predictions: Predictions of the network for n images; None: it names no classes.
        others: Predictions of the other network for the same images; None: there is none to disagree with.
        labels: Classes of the images, `[n]`, or None.
        most: Number of images to return; the surest predictions come first.

    Returns:
        The notes, and the number of images on which the networks disagree, None without another network.
    """
    if predictions is None or others is None:
        return (), None
    places = (predictions.final != others.final).nonzero().flatten()
    order = places[predictions.margin[places].argsort(descending=True, stable=True)]
    return tuple(_note(int(index), predictions, others, labels) for index in order[:most]), len(places)


def slowest_images(
    predictions: ImagePredictions | None, others: ImagePredictions | None, labels: Tensor | None, most: int
) -> tuple[ImageNote, ...]:
    """Return the images whose prediction settles last, among equals the least sure first.

    An image whose prediction stays what it was after the first step is not among them. The arguments are those of
    `disagreeing_images`.
    """
    settled = None if predictions is None else predictions.settled
    if predictions is None or settled is None:
        return ()
    places = [index for index in range(len(settled)) if int(settled[index]) > 1]
    places.sort(key=lambda index: (-int(settled[index]), float(predictions.margin[index])))
    return tuple(_note(index, predictions, others, labels) for index in places[:most])


def _note(
    index: int, predictions: ImagePredictions, others: ImagePredictions | None, labels: Tensor | None
) -> ImageNote:
    settled = predictions.settled
    return ImageNote(
        index=index,
        label=None if labels is None else int(labels[index]),
        prediction=int(predictions.final[index]),
        other_prediction=None if others is None else int(others.final[index]),
        settled_at=None if settled is None else int(settled[index]),
        margin=float(predictions.margin[index]),
    )
