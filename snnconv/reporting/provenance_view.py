"""The section of provenance: files, data, versions and the command behind a page."""

from __future__ import annotations

import json
from typing import Any

from snnconv.reporting.names import shortened
from snnconv.reporting.numbers import Report
from snnconv.reporting.provenance import Provenance

__all__ = ["Fact", "data_facts", "file_fact", "provenance_view", "software_facts"]

LONGEST = 20_000  # characters of a file's own words about itself

Fact = tuple[str, str | None]


def provenance_view(report: Report) -> dict[str, Any]:
    """Return the section's parts."""
    provenance = report.provenance
    conversion = provenance.network.get("conversion")
    settings = conversion if isinstance(conversion, dict) else {}
    against = provenance.against
    return {
        "facts": [
            ("made on", provenance.date),
            ("network", file_fact(report.title, provenance.network)),
            ("other network", None if against is None else file_fact(str(report.against), against)),
            *data_facts(provenance, report.noun),
            ("calibrated on", settings.get("calibration")),
            (f"calibration {report.noun}s", settings.get("calibration_images")),
            ("calibration method", settings.get("calibration_method")),
            ("seed of the conversion", settings.get("seed")),
            *software_facts(provenance),
        ],
        "command": provenance.command,
        "network": _as_text(provenance.network),
        "against": None if against is None else _as_text(against),
    }


def file_fact(name: str, network: dict[str, Any]) -> str:
    """Return the name of a network and the hash of its file."""
    return f"{name}, SHA-256 {network.get('source_sha256', 'not known')}"


def data_facts(provenance: Provenance, noun: str) -> list[Fact]:
    """Return the data and their hash."""
    data = provenance.data
    return [
        ("data", f"{data['spec']}, {data['used']:,} of {data['images']:,} {noun}s"),
        (f"hash of labels and 64 {noun}s", data["sha256_of_labels_and_64"]),
    ]


def software_facts(provenance: Provenance) -> list[Fact]:
    """Return the versions of the software, and the machine."""
    versions = ", ".join(f"{name} {version}" for name, version in provenance.versions.items())
    return [("versions", versions), ("machine", provenance.machine)]


def _as_text(values: dict[str, Any]) -> str:
    return shortened(json.dumps(values, indent=2, ensure_ascii=False), LONGEST)
