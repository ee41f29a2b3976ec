"""The page of a comparison: numbers as text, and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from snnconv.reporting import comparison_figures
from snnconv.reporting.comparison import Comparison, Contender
from snnconv.reporting.counted_energy import COUNT_CAPTION, COUNT_HEADS, count_cells
from snnconv.reporting.formatting import energy, number, percent, span, with_article, with_error
from snnconv.reporting.glossary import glossary_of
from snnconv.reporting.names import shortened, shortened_apart
from snnconv.reporting.page import Picture
from snnconv.reporting.provenance_view import data_facts, file_fact, software_facts

__all__ = ["comparison_view"]

LONGEST = 60  # characters of a name
TERMS = (
    "T, L, N",
    "mean coupling",
    "causal coupling",
    "differential coupling",
    "code, K",
    "standard error ±",
    "latency",
    "energy",
)
HEADS = ["network", "T", "L", "N", "coupling"]
CLASSES_HEADS = ["accuracy", "same class"]
ERROR_CAPTION = (
    "The relative error is the distance of the first output from the reference's, as a share of the distance of the "
    "reference's from its mean over the data; the correlation is that of both distances from the mean."
)
OUTPUT_HEADS = ["relative error", "correlation"]


def comparison_view(comparison: Comparison) -> dict[str, Any]:
    """Return everything that the template asks for."""
    contenders = comparison.contenders
    return {
        "title": _title(contenders),
        "verdict": _verdict(comparison),
        "figures": _pictures(comparison),
        "caption": _caption(comparison),
        "heads": [
            *HEADS,
            *_score_heads(comparison),
            f"energy, {comparison.spike_count.label}",
            "latency",
            "unbeaten in",
        ],
        "rows": [_row(comparison, network, name) for network, name in zip(contenders, _names(contenders), strict=True)],
        "count_heads": ["network, spikes counted", *COUNT_HEADS],
        "count_rows": _count_rows(comparison),
        "count_caption": COUNT_CAPTION,
        "notes": [f"{network.number}: {network.note}." for network in contenders if network.note],
        "energy_note": comparison.energy_note,
        "provenance": _provenance(comparison),
        "glossary": glossary_of(TERMS),
    }


def _title(contenders: Sequence[Contender]) -> str:
    """Return a title that counts files once, whatever number of settings they are compared at."""
    count = len({(network.name, network.sha256 or network.number) for network in contenders})
    settings = f" at {len(contenders)} settings" if count < len(contenders) else ""
    return f"{count} network{'s' * (count != 1)}{settings} compared"


def _count_rows(comparison: Comparison) -> list[list[str | None]]:
    """Return the energy of every network in each count of spikes; the reference has a row of its own."""
    rows = []
    for network in comparison.contenders:
        energies = network.energy_by_count
        if network.timesteps is None:  # without spikes all counts are one
            rows += [[str(network.number), *row[1:]] for row in count_cells("", energies[:1])]
        else:
            rows += count_cells(f"{network.number}, ", energies)
    reference = comparison.reference
    if rows and reference is not None:
        with_memory = energy(reference.energy_with_memory_pj)
        rows.append(["reference", None, energy(reference.energy_pj), None, with_memory, None])
    return rows


def _names(contenders: Sequence[Contender]) -> list[str]:
    return shortened_apart([network.name for network in contenders], LONGEST)


def _pictures(comparison: Comparison) -> list[Picture]:
    pictures = []
    filled = (
        "Filled marks: no other network is better in score or cost without being worse in the other. The table names "
        "the networks by number."
    )
    if any(network.energy_pj is not None for network in comparison.contenders):
        pictures.append(Picture(comparison_figures.energy_front(comparison), filled))
    if any(network.latency_steps is not None for network in comparison.contenders):
        waits = (
            f"{filled} Under mean coupling every layer waits T steps for the one before it; under causal and "
            "differential coupling the output is complete after T steps."
        )
        if any(network.score_at is not None for network in comparison.contenders):
            waits += " Thin lines: the answer so far, which these can be asked for at every step."
        pictures.append(Picture(comparison_figures.latency_front(comparison), waits))
    return pictures


def _verdict(comparison: Comparison) -> str:
    """Return the comparison in one or two sentences."""
    best = f"By {comparison.score.replace('_', ' ')} on {comparison.images:,} {comparison.noun}s {_best(comparison)}"
    reference = comparison.reference
    if reference is None:
        return best
    accuracy = "" if reference.accuracy is None else f" with {reference.accuracy:.2f} %"
    cost = f"{energy(reference.energy_pj)} {with_article(comparison.noun)}"
    return f"{best} The reference is {shortened(reference.name, LONGEST)}{accuracy}, at an estimated {cost}."


def _best(comparison: Comparison) -> str:
    """Return which network is the best, as far as the images can tell."""
    scores = {network.number: network.score(comparison.score) for network in comparison.contenders}
    lead = comparison.lead
    if lead is None:
        return f"the network has {next(iter(scores.values())):.2f} %."
    first, second = (f"network {place} ({scores[place]:.2f} %)" for place in (lead.best, lead.next))
    error = "" if lead.standard_error is None else f" (standard error {lead.standard_error:.1f} points)"
    if lead.points == 0:
        return f"{first} and {second} are equally good{error}."
    if not lead.clear:
        return f"there is no clear difference between {first} and {second}, the best{error}."
    return f"{first} is the best, {lead.points:.2f} points before {second}{error}."


def _caption(comparison: Comparison) -> str:
    of_errors = comparison.score == "relative_error"
    sentences = [
        *(["± is one standard error, in points."] if _names_classes(comparison) else []),
        *([ERROR_CAPTION] if of_errors else []),
        f"Energy is an estimate for one {comparison.noun}, in the {comparison.spike_count.label} count of spikes.",
        "Latency is in time steps.",
    ]
    if comparison.lead is not None and not of_errors:
        sentences.append(
            "The standard error at the top of the page is that of the difference between two networks on the same "
            f"{comparison.noun}s; a difference above two of them is more than chance."
        )
    return " ".join(sentences)


def _coupling(network: Contender) -> str:
    """Return the coupling and its code; of a network without time its stage."""
    if network.code is None:
        return network.coupling or network.stage
    return f"{network.coupling}, {network.code}" + (f" K={network.octaves}" if network.octaves is not None else "")


def _score_heads(comparison: Comparison) -> list[str]:
    """Return the heads of what networks are ranked by, and of classes where they name some."""
    heads = CLASSES_HEADS if _names_classes(comparison) else []
    return [*heads, *(OUTPUT_HEADS if comparison.score == "relative_error" else ())]


def _names_classes(comparison: Comparison) -> bool:
    return any(network.accuracy is not None or network.agreement is not None for network in comparison.contenders)


def _scores(comparison: Comparison, network: Contender) -> list[str | None]:
    """Return the cells below `_score_heads`."""
    cells = []
    if _names_classes(comparison):
        cells.append(with_error(network.accuracy, network.accuracy_standard_error))
        cells.append(with_error(network.agreement, network.agreement_standard_error))
    if comparison.score == "relative_error":
        cells += [percent(network.relative_error), number(network.correlation)]
    return cells


def _row(comparison: Comparison, network: Contender, name: str) -> list[str | None]:
    fronts = [cost for cost, on in (("energy", network.on_energy_front), ("latency", network.on_latency_front)) if on]
    return [
        f"{network.number} {name}",
        number(network.timesteps),
        number(network.levels),
        span(network.total_levels),
        _coupling(network),
        *_scores(comparison, network),
        energy(network.energy_pj),
        number(network.latency_steps),
        ", ".join(fronts) or None,
    ]


def _provenance(comparison: Comparison) -> dict[str, Any]:
    provenance, reference = comparison.provenance, comparison.reference
    files = dict.fromkeys((network.name, network.sha256) for network in comparison.contenders if network.sha256)
    return {
        "facts": [
            ("made on", provenance.date),
            *((name, f"SHA-256 {sha256}") for name, sha256 in files),
            ("reference", None if reference is None else file_fact(reference.name, provenance.against or {})),
            *data_facts(provenance, comparison.noun),
            ("energy counted on", f"{comparison.counted_images:,} {comparison.noun}s"),
            *software_facts(provenance),
        ],
        "command": provenance.command,
    }
