"""What the page of a comparison shows."""

from __future__ import annotations

from typing import Any

from snnconv.reporting import comparison_figures
from snnconv.reporting.comparison import Comparison, Contender
from snnconv.reporting.formatting import GLOSSARY, energy, number, percent, span, with_article
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
        "noun": with_article(comparison.noun),
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
            "not beaten in",
        ],
        "rows": [_row(each) for each in comparison.contenders],
        "notes": [f"{each.number}: {each.note}." for each in comparison.contenders if each.note],
        "energy_note": comparison.energy_note,
        "provenance": _provenance(comparison),
        "words": [(word, meaning) for word, meaning in GLOSSARY if word in NEEDED],
    }


def _verdict(comparison: Comparison) -> str:
    score = comparison.score
    told = f"By {score} on {comparison.images:,} {comparison.noun}s {_best(comparison)}"
    found = comparison.reference
    if found is None:
        return told
    its = "" if found.accuracy is None else f" with {found.accuracy:.2f} %"
    named = shortened(found.name, LONGEST)
    cost = f"{energy(found.energy_pj)} {with_article(comparison.noun)}"
    return f"{told} The reference is {named}{its}, at an estimated {cost}."


def _best(comparison: Comparison) -> str:
    """Return which network is the best, as far as the images can tell."""
    scores = {each.number: each.score(comparison.score) for each in comparison.contenders}
    lead = comparison.lead
    if lead is None:
        return f"the network has {next(iter(scores.values())):.2f} %."
    first, second = (f"network {number} ({scores[number]:.2f} %)" for number in (lead.best, lead.next))
    error = f"standard error {lead.standard_error:.1f} points"
    if lead.points == 0:
        return f"{first} and {second} are equally good ({error})."
    if not lead.clear:
        return f"there is no clear difference between {first} and {second}, the best ({error})."
    return f"{first} is the best, {lead.points:.2f} points before {second} ({error})."


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
            ("data", f"{found.data['spec']}, {found.data['used']:,} of {found.data['images']:,} {comparison.noun}s"),
            (f"hash of labels and 64 {comparison.noun}s", found.data["sha256_of_labels_and_64"]),
            ("energy counted on", f"{comparison.counted_images:,} {comparison.noun}s"),
            ("versions", ", ".join(f"{name} {value}" for name, value in found.versions.items())),
            ("machine", found.machine),
        ],
        "command": found.command,
    }
