"""The page of a report, section by section: numbers as text, and pictures."""

from __future__ import annotations

from typing import Any

from snnconv.reporting.curves_view import curves_view
from snnconv.reporting.energy_view import energy_view
from snnconv.reporting.glossary import GLOSSARY
from snnconv.reporting.images_view import images_view
from snnconv.reporting.names import shortened
from snnconv.reporting.numbers import Report
from snnconv.reporting.outputs_view import outputs_view
from snnconv.reporting.provenance_view import provenance_view
from snnconv.reporting.site_view import sites_view
from snnconv.reporting.summary_view import cards, verdict

__all__ = ["report_view"]

LONGEST_TITLE = 120  # characters


def report_view(report: Report) -> dict[str, Any]:
    """Return everything that the template asks for."""
    view: dict[str, Any] = {
        "title": shortened(report.title, LONGEST_TITLE),
        "verdict": verdict(report),
        "noun": report.noun,
        "cards": cards(report.summary, report.noun),
        "curves": curves_view(report),
        "outputs": outputs_view(report),
        "sites": sites_view(report),
        "energy": energy_view(report),
        "images": images_view(report),
        "provenance": provenance_view(report),
        "glossary": GLOSSARY,
    }
    names = (
        ("time", "Time", "curves"),
        ("outputs", "Outputs", "outputs"),
        ("sites", "Sites", "sites"),
        ("energy", "Energy", "energy"),
        ("images", f"{report.noun}s".capitalize(), "images"),
    )
    present = [(id_, name) for id_, name, key in names if view[key]]
    view["sections"] = [*present, ("provenance", "How this was made"), ("glossary", "Glossary")]
    return view
