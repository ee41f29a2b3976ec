"""Figures of a score by name, as a user asks for them, and whether a network, its data and its reference give them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

from snnconv.data.images import Images
from snnconv.errors import DataError, InvalidValueError, ModelError
from snnconv.evaluation.differences import Shape, class_count

__all__ = ["FIGURES", "FigureName", "check_figures"]

FigureName: TypeAlias = Literal["accuracy", "agreement", "relative-error", "correlation"]
FIGURES: tuple[FigureName, ...] = get_args(FigureName)
NEEDS_CLASSES: tuple[FigureName, ...] = ("accuracy", "agreement")


def check_figures(names: Sequence[FigureName], shape: Shape, *, images: Images | None, has_reference: bool) -> None:
    """Raise unless every figure can be given.

    Args:
        names: Names of the figures.
        shape: Axes of one sample of the first output.
        images: Opened data; None: their labels are not looked at.
        has_reference: True where another network stands beside.

    Raises:
        InvalidValueError: A name is unknown, or a figure compares with a reference and there is none.
        ModelError: The first output names no classes, and a figure needs them.
        DataError: The accuracy is asked for, and no sample has a label.
    """
    for name in names:
        if name not in FIGURES:
            raise InvalidValueError(f"{name!r} is no metric: it must be one of {', '.join(FIGURES)}.")
    if class_count(shape) is None and (unfit := [name for name in names if name in NEEDS_CLASSES]):
        raise ModelError(
            f"The metric {unfit[0]} does not fit the first output, of shape {list(shape)} for a sample: it needs "
            "classes, one axis of two numbers or more. relative-error and correlation beside a reference fit every "
            "output; snnconv.evaluate(.., metrics={'NAME': function}) takes a metric of your own."
        )
    if not has_reference and (alone := [name for name in names if name != "accuracy"]):
        raise InvalidValueError(
            f"The metric {alone[0]} compares with another network, and there is none: name it with --against."
        )
    if "accuracy" in names and images is not None and (images.labels is None or bool((images.labels < 0).all())):
        raise DataError(f"The metric accuracy needs labels, and {images.spec!r} has none: give labelled data.")
