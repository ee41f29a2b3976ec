"""Predictions after each time step, under each coupling that a network's neurons can have."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from snnconv.reporting.numbers import Curve
from snnconv.reporting.predictions import Answers, ImagePredictions, percent_of
from snnconv.spiking.couplings import Variant

__all__ = ["curves_of"]


def curves_of(
    variants: Sequence[Variant],
    answers: Sequence[Answers],
    others: ImagePredictions | None,
    labels: Tensor | None,
) -> tuple[Curve, ...]:
    """Return one curve for each coupling.

    Args:
        variants: The network under each coupling, its own first.
        answers: Answers of every variant that can be run, in the same order.
        others: Predictions of the other network, or None without one.
        labels: Classes of the images, `[n]`, or None.
    """
    runs = iter(answers)
    return tuple(
        _curve(variant, place == 0, None if variant.model is None else next(runs), others, labels)
        for place, variant in enumerate(variants)
    )


def _curve(
    variant: Variant,
    native: bool,
    answers: Answers | None,
    others: ImagePredictions | None,
    labels: Tensor | None,
) -> Curve:
    predictions = None if answers is None else answers.predictions
    errors_at = answers.errors[0].relative_error_at if answers is not None and answers.errors else None
    at = None if predictions is None else predictions.at
    settled = None if predictions is None else predictions.settled
    return Curve(
        coupling=variant.coupling.value,
        native=native,
        accuracy_at=None if at is None or labels is None else _percents(at == labels),
        agreement_at=None if at is None or others is None else _percents(at == others.final),
        settled_at=None
        if at is None or settled is None
        else _percents(settled <= torch.arange(1, len(at) + 1)[:, None]),
        relative_error_at=None if errors_at is None else tuple(100 * error for error in errors_at),
        note=variant.note,
    )


def _percents(hits: Tensor) -> tuple[float, ...]:
    """Return the percentage of hits after each step, from `[T, n]`."""
    return tuple(percent_of(row) for row in hits)
