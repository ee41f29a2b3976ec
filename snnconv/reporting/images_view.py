"""The section of images: those on which two networks disagree, and those that settle last."""

from __future__ import annotations

import base64
from typing import Any

from snnconv.reporting.names import shortened
from snnconv.reporting.numbers import ImageNote, Report

__all__ = ["images_view"]

LONGEST = 40  # characters of a class


def images_view(report: Report) -> list[dict[str, Any]]:
    """Return the groups of images, each with a heading."""
    groups = []
    if report.disagreements is not None:
        shown = len(report.disagreeing)
        text = f"{report.disagreements:,} of {report.summary.images:,} {report.noun}s"
        if report.disagreements > shown:
            text += f"; shown are the {shown} of which this network is surest"
        groups.append(_group("Predicted differently by the other network", f"{text}.", report.disagreeing, report))
    if any(curve.settled_at is not None for curve in report.curves):
        if report.slowest:
            text = "The prediction after fewer steps was another one."
        else:
            text = "All are settled after step 1."
        groups.append(_group("The last to settle", text, report.slowest, report))
    return groups


def _group(heading: str, text: str, notes: tuple[ImageNote, ...], report: Report) -> dict[str, Any]:
    return {"heading": heading, "text": text, "notes": [_image(note, report) for note in notes]}


def _image(note: ImageNote, report: Report) -> dict[str, Any]:
    lines = [f"this: {_class_name(note.prediction, report)}"]
    if note.other_prediction is not None:
        lines.append(f"other: {_class_name(note.other_prediction, report)}")
    if note.label is not None:
        lines.append(f"label: {_class_name(note.label, report)}")
    if note.settled_at is not None:
        lines.append(f"settled at step {note.settled_at}")
    thumbnail = report.thumbnails.get(note.index)  # only images have one
    png = None if thumbnail is None else base64.b64encode(thumbnail).decode("ascii")
    return {"index": note.index, "png": png, "lines": [*lines, f"{report.noun} {note.index}"]}


def _class_name(index: int, report: Report) -> str:
    if report.classes is None or index >= len(report.classes):
        return f"class {index}"
    return shortened(report.classes[index], LONGEST)
