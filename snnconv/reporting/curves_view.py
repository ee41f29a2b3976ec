"""The section of time: predictions after each step, under each coupling."""

from __future__ import annotations

from typing import Any

from snnconv.neurons import Coupling
from snnconv.reporting.figures import curves_figure
from snnconv.reporting.numbers import Curve, Report
from snnconv.reporting.page import Picture

__all__ = ["curves_view"]

MOST_PICTURES = 2  # the table has all numbers
MOST_ROWS = 400

# Field of a curve, its name in the table's head, the caption of its picture.
QUANTITIES = (
    ("accuracy_at", "accuracy", "Share of right predictions"),
    ("agreement_at", "same class", "Share of predictions equal to the other network's"),
    ("settled_at", "settled", "Share of predictions that no longer change"),
    ("relative_error_at", "relative error", "Relative error of the first output beside the other network's"),
)


def curves_view(report: Report) -> dict[str, Any] | None:
    """Return the section's parts; None of a network without time, or without a figure that time changes."""
    if not report.curves:
        return None
    pictures: list[Picture] = []
    heads, columns = ["step"], []
    for quantity, name, caption in QUANTITIES:
        curves = [curve for curve in report.curves if getattr(curve, quantity) is not None]
        if curves and len(pictures) < MOST_PICTURES:
            level = report.summary.against_accuracy if quantity == "accuracy_at" else None
            svg = curves_figure(report.curves, quantity, level, "the other network")
            pictures.append(Picture(svg, f"{caption}, on {report.summary.images:,} {report.noun}s."))
        heads += [f"{name}, {curve.coupling}" for curve in curves]
        columns += [[f"{value:.2f}" for value in getattr(curve, quantity)] for curve in curves]
    if not columns:
        return None
    rows = [[str(step), *values] for step, values in enumerate(zip(*columns, strict=False), 1)][:MOST_ROWS]
    return {
        "heading": f"{'Accuracy' if report.curves[0].settled_at is not None else 'Error'} against time",
        "text": _text(report),
        "figures": pictures,
        "notes": [_note(curve) for curve in report.curves],
        "heads": heads,
        "rows": rows,
    }


def _text(report: Report) -> str:
    sentences = [
        "The answer after step t is the mean of the output's first t steps. Each coupling that the neurons "
        "can have is run with the same weights, ceilings and levels."
    ]
    if any(curve.coupling == Coupling.DIFFERENTIAL and curve.settled_at is not None for curve in report.curves):
        sentences.append(
            "Under differential coupling that mean is the answer to all that was told until step t: it can be read at "
            "any step."
        )
    return " ".join(sentences)


def _note(curve: Curve) -> str:
    name = f"{curve.coupling} coupling".capitalize()
    return f"{name}{' (this network)' if curve.native else ''}: {curve.note}"
