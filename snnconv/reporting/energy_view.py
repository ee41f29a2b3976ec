"""The section of energy: operations and their estimated energy, layer by layer."""

from __future__ import annotations

from collections import Counter
from typing import Any

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
    "energy",
    "energy of updates",
    "plain network's energy",
]


def energy_view(report: Report) -> dict[str, Any] | None:
    """Return the section's parts; None where nothing was counted."""
    if report.summary.energy_pj is None:
        return None
    costly = any(layer.energy_pj or layer.ann_energy_pj for layer in report.layers)
    caption = "Layers by their numbers in the table."
    names = shortened_apart(layer_labels(report), LONGEST)
    return {
        "text": _costs_in_words(report.summary, report.noun),
        "figures": [Picture(energy_figure(report.layers, report.noun), caption)] if costly else [],
        "note": report.summary.energy_note,
        "uncounted": [
            shortened(f"{operator['operator']} {operator['name']}", LONGEST) for operator in report.uncounted
        ],
        "caption": _caption(report),
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
    sentence = f"One {noun} costs an estimated {energy(summary.energy_pj)}"
    if summary.ann_energy_pj:
        sentence += f"; in the plain network of the same layers it costs {energy(summary.ann_energy_pj)}"
    sentences = [f"{sentence}. Operations were counted on {summary.counted_images:,} {noun}s."]
    if summary.neuron_energy_pj:
        sentences.append(f"Updates of neurons, not included above, come to {energy(summary.neuron_energy_pj)}.")
    if summary.memory_energy_pj:
        sentence = f"Memory accesses, not included above, come to {energy(summary.memory_energy_pj)}"
        if summary.ann_memory_energy_pj:
            sentence += f", those of the plain network to {energy(summary.ann_memory_energy_pj)}"
        sentences.append(f"{sentence}, if no value stays in a register.")
    return " ".join(sentences)


def _row(place: int, name: str, layer: LayerCost) -> list[str | None]:
    return [
        f"{place} {name}",
        layer.operator,
        number(layer.macs),
        number(layer.synops),
        number(layer.additions),
        number(layer.neuron_updates),
        energy(layer.energy_pj),
        energy(layer.neuron_energy_pj),
        energy(layer.ann_energy_pj),
    ]
