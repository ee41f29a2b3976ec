"""The section of outputs: how far each is from the other network's, where they are more than one output of classes."""

from __future__ import annotations

from typing import Any

from snnconv.evaluation.differences import names_only_classes
from snnconv.reporting.formatting import number, percent
from snnconv.reporting.names import shortened
from snnconv.reporting.numbers import Report

__all__ = ["outputs_view"]

LONGEST = 60  # characters of a name
HEADS = ("output", "shape", "relative error", "correlation", "largest difference")


def outputs_view(report: Report) -> dict[str, Any] | None:
    """Return the section's parts; None without another network, and of classes alone."""
    if not report.output_errors or names_only_classes(report.output_errors):
        return None
    rows = [
        [
            shortened(error.name, LONGEST),
            " x ".join(map(str, error.shape)) or "1",
            None if error.relative_error is None else percent(100 * error.relative_error),
            number(error.correlation, 5),
            number(error.largest_difference),
        ]
        for error in report.output_errors
    ]
    text = (
        "The relative error is the distance of an output from the other network's, as a share of the distance of that "
        "network's from its mean over the data. The correlation is that of both distances from the mean."
    )
    return {"text": text, "heads": HEADS, "rows": rows, "caption": f"Over {report.summary.images:,} {report.noun}s."}
