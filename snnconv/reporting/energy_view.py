"""The section of energy: operations and their estimated energy, layer by layer."""

from __future__ import annotations

from collections import Counter
from typing import Any

from snnconv.reporting.counted_energy import COUNT_CAPTION, COUNT_HEADS, count_cells
from snnconv.reporting.figures import energy_figure
from snnconv.reporting.formatting import energy, number
from snnconv.reporting.names import shortened, shortened_apart
from snnconv.reporting.numbers import LayerCost, Report, Summary
from snnconv.reporting.page import Picture

__all__ = ["energy_view"]

LONGEST = 60  # characters of a name in a table's cell
MOST_ROWS = 400

HEADS = [
    "layer",
    "operator",
    "MACs",
    "additions for spikes",
    "other additions",
    "neuron updates",
    "energy, unary",
    "power-of-two",
    "graded",
    "energy of updates",
    "plain network's energy",
]


def energy_view(report: Report) -> dict[str, Any] | None:
    """Return the section's parts; None where nothing was counted."""
    if report.summary.energy_pj is None:
        return None
    costly = any(layer.energy_pj or layer.ann_energy_pj for layer in report.layers)
    caption = "Layers by their numbers in the table."
    unary = " Spikes are counted unary." if report.summary.energy_by_count else ""
    names = shortened_apart(layer_labels(report), LONGEST)
    return {
        "text": _costs_in_words(report.summary, report.noun),
        "figures": [Picture(energy_figure(report.layers, report.noun), f"{caption}{unary}")] if costly else [],
        "note": report.summary.energy_note,
        "uncounted": [
            shortened(f"{operator['operator']} {operator['name']}", LONGEST) for operator in report.uncounted
        ],
        "caption": _caption(report),
        "count_heads": ["spikes counted", *COUNT_HEADS],
        "count_rows": _count_rows(report.summary),
        "count_caption": COUNT_CAPTION,
        "heads": HEADS,
        "rows": [
            _row(place, name, layer)
            for place, (name, layer) in enumerate(zip(names, report.layers, strict=True), 1)
            if place <= MOST_ROWS
        ],
    }


def layer_labels(report: Report) -> list[str]:
    """Return the names of the layers; a layer of neurons is named as its site is."""
    counts = Counter(site.name for site in report.sites)
    labels = {site.name: report.label_of(site) for site in report.sites if counts[site.name] == 1}
    return [labels.get(layer.name, layer.name) for layer in report.layers]


def _caption(report: Report) -> str:
    order = "In the order of execution"
    if any(layer.energy_pj is None for layer in report.layers):
        order += "; layers that only the plain network has come last"
    return f"For one {report.noun}, on average. {order}."


def _costs_in_words(summary: Summary, noun: str) -> str:
    unary = ", each unit of a spike counted as an addition (unary)" if summary.energy_by_count else ""
    sentence = f"One {noun} costs an estimated {energy(summary.energy_pj)}{unary}"
    if summary.ann_energy_pj:
        sentence += f"; in the plain network of the same layers it costs {energy(summary.ann_energy_pj)}"
    sentences = [f"{sentence}. Operations were counted on {summary.counted_images:,} {noun}s."]
    if summary.neuron_energy_pj:
        sentences.append(f"Updates of neurons, not included above, come to {energy(summary.neuron_energy_pj)}.")
    if summary.memory_energy_pj:
        unary = ", unary and not" if summary.energy_by_count else ", not"
        sentence = f"Memory accesses{unary} included above, come to {energy(summary.memory_energy_pj)}"
        if summary.ann_memory_energy_pj:
            sentence += f", those of the plain network to {energy(summary.ann_memory_energy_pj)}"
        sentences.append(f"{sentence}, if no value stays in a register.")
    return " ".join(sentences)


def _count_rows(summary: Summary) -> list[list[str | None]]:
    """Return the energy in each count of spikes, and the plain network's; nothing of a network that does not spike."""
    if not summary.energy_by_count:
        return []
    plain = summary.ann_energy_pj
    with_memory = None
    if plain is not None and summary.ann_memory_energy_pj is not None:
        with_memory = plain + summary.ann_memory_energy_pj
    rows = count_cells("", summary.energy_by_count)
    return rows if plain is None else [*rows, ["plain network", None, energy(plain), None, energy(with_memory), None]]


def _row(place: int, name: str, layer: LayerCost) -> list[str | None]:
    return [
        f"{place} {name}",
        layer.operator,
        number(layer.macs),
        number(layer.synops),
        number(layer.additions),
        number(layer.neuron_updates),
        energy(layer.energy_pj),
        energy(layer.power_of_two_energy_pj),
        energy(layer.graded_energy_pj),
        energy(layer.neuron_energy_pj),
        energy(layer.ann_energy_pj),
    ]
