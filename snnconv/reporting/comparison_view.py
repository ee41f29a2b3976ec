"""What the page of a comparison shows."""

from __future__ import annotations

from typing import Any

from snnconv.reporting import comparison_figures
from snnconv.reporting.comparison import Comparison, Contender
from snnconv.reporting.formatting import GLOSSARY, energy, number, percent, span
from snnconv.reporting.page import Figure, shortened

__all__ = ["comparison_view"]

LONGEST = 60
NEEDED = ("T, L, N", "mean coupling", "causal coupling", "energy")


def comparison_view(comparison: Comparison) -> dict[str, Any]:
    """Everything that the template asks for."""
    pictures = []
    filled = "Filled: no other is as good for as little. Networks by their numbers in the table."
    if any(each.energy_pj is not None for each in comparison.contenders):
        pictures.append(Figure(comparison_figures.energy_front(comparison), filled))
    if any(each.latency_steps is not None for each in comparison.contenders):
        waits = (
            f"{filled} Under mean coupling every layer waits T steps for the one before it; under causal coupling the "
            "answer is whole after T."
        )
        pictures.append(Figure(comparison_figures.latency_front(comparison), waits))
    return {
        "title": f"{len(comparison.contenders)} networks compared",
        "verdict": _verdict(comparison),
        "figures": pictures,
        "heads": [
            "network",
            "T",
            "L",
            "N",
            "coupling",
            "accuracy",
            "same answer",
            "energy",
            "latency",
            "front of",
        ],
        "rows": [_row(each) for each in comparison.contenders],
        "notes": [f"{each.number}: {each.note}." for each in comparison.contenders if each.note],
        "energy_note": comparison.energy_note,
        "provenance": _provenance(comparison),
        "words": [(word, meaning) for word, meaning in GLOSSARY if word in NEEDED],
    }


def _verdict(comparison: Comparison) -> str:
    score = comparison.score
    best = max(comparison.contenders, key=lambda each: each.score(score))
    told = f"By {score} on {comparison.images:,} images network {best.number} is the best ({best.score(score):.2f} %)."
    found = comparison.reference
    if found is None:
        return told
    its = "" if found.accuracy is None else f" with {found.accuracy:.2f} %"
    named = shortened(found.name, LONGEST)
    return f"{told} The reference is {named}{its}, at an estimated {energy(found.energy_pj)} an image."


def _row(each: Contender) -> list[str | None]:
    fronts = [name for name, on in (("energy", each.on_energy_front), ("latency", each.on_latency_front)) if on]
    return [
        f"{each.number} {shortened(each.name, LONGEST)}",
        number(each.timesteps),
        number(each.levels),
        span(each.total_levels),
        each.coupling or each.stage,
        _with_error(each.accuracy, each.accuracy_standard_error),
        _with_error(each.agreement, each.agreement_standard_error),
        energy(each.energy_pj),
        number(each.latency_steps),
        ", ".join(fronts) or None,
    ]


def _with_error(value: float | None, error: float | None) -> str | None:
    return None if value is None or error is None else f"{percent(value)} ± {error:.2f}"


def _provenance(comparison: Comparison) -> dict[str, Any]:
    found = comparison.provenance
    hashes = {each.name: each.sha256 for each in comparison.contenders if each.sha256}
    reference = comparison.reference
    return {
        "facts": [
            ("made", found.made),
            *((name, f"SHA-256 {value}") for name, value in hashes.items()),
            (
                "reference",
                reference and f"{reference.name}, SHA-256 {(found.against or {}).get('source_sha256', 'not known')}",
            ),
            ("data", f"{found.data['spec']}, {found.data['used']:,} of {found.data['images']:,} images"),
            ("hash of labels and 64 images", found.data["sha256_of_labels_and_64"]),
            ("energy counted on", f"{comparison.counted_images:,} images"),
            ("versions", ", ".join(f"{name} {value}" for name, value in found.versions.items())),
            ("machine", found.machine),
        ],
        "command": found.command,
    }
