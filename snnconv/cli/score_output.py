"""Scores of an evaluation, printed: accuracy, agreement, and errors of outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snnconv.evaluation import Evaluation
    from snnconv.evaluation.figures import FigureName

__all__ = ["figure_rows", "score_rows"]

Row = tuple[str, object]


def score_rows(result: Evaluation, reference: str, noun: str) -> list[Row]:
    """Return the rows that tell accuracy, agreement and errors, at the end and after each step.

    Args:
        result: Evaluation of a network.
        reference: Words for the network that it is compared with.
        noun: Word for one input.
    """
    rows: list[Row] = [(f"{noun}s", result.images), *_classes_rows(result, reference)]
    if result.agreement is None and result.output_errors:
        first = result.output_errors[0]
        for t, error in enumerate(first.relative_error_at or (), start=1):
            rows.append((f"relative error of {first.name} after step {t}", _percent(error)))
    if result.stopping is not None:
        rows.append((f"mean time steps per {noun}, of {result.timesteps}", f"{result.stopping.mean_timesteps:.3f}"))
    if result.unsettled is not None:
        what = "cut units" if result.octaves is None else "units that still change"
        rows.append((f"{what} after step {result.timesteps}", f"{100 * result.unsettled.share:.3g} %"))
    return rows


def _classes_rows(result: Evaluation, reference: str) -> list[Row]:
    """Return the rows of a classifier."""
    rows: list[Row] = []
    if result.accuracy is not None:
        rows.append(("accuracy", f"{result.accuracy:.2f} % ± {result.accuracy_standard_error:.2f}"))
    if result.against_accuracy is not None:
        rows.append((f"accuracy of {reference}", f"{result.against_accuracy:.2f} %"))
    if result.agreement is not None:
        rows.append((f"same class as {reference}", f"{result.agreement:.2f} %"))
    for t, accuracy in enumerate(result.accuracy_at or (), start=1):
        rows.append((f"accuracy after step {t}", f"{accuracy:.2f} %"))
    for t, agreement in enumerate(result.agreement_at or (), start=1):
        rows.append((f"agreement after step {t}", f"{agreement:.2f} %"))
    return rows


def figure_rows(result: Evaluation, names: Sequence[FigureName], reference: str) -> list[Row]:
    """Return the rows of the figures that a user asked for by name.

    Args:
        result: Evaluation of a network.
        names: Names of the figures.
        reference: Words for the network that it is compared with.
    """
    rows: list[Row] = []
    for name in names:
        if name == "accuracy":
            rows.append(("accuracy", f"{result.accuracy:.2f} % ± {result.accuracy_standard_error:.2f}"))
            if result.against_accuracy is not None:
                rows.append((f"accuracy of {reference}", f"{result.against_accuracy:.2f} %"))
        elif name == "agreement":
            rows.append((f"same class as {reference}", f"{result.agreement:.2f} %"))
        elif name == "relative-error":
            rows += [
                (f"relative error of {error.name}", _percent(error.relative_error)) for error in result.output_errors
            ]
        else:
            rows += [
                (f"correlation of {error.name}", None if error.correlation is None else f"{error.correlation:.5f}")
                for error in result.output_errors
            ]
    return rows


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.3g} %"
