"""What the page of a report shows, section by section: numbers as words, and pictures."""

from __future__ import annotations

import base64
import json
from typing import Any

from snnconv.reporting import figures
from snnconv.reporting.formatting import GLOSSARY, energy, number, percent, points, span, with_article
from snnconv.reporting.numbers import Curve, ImageNote, LayerCost, Report, Summary
from snnconv.reporting.page import Figure, shortened
from snnconv.reporting.site_view import sites_view

__all__ = ["report_view", "verdict"]

LONGEST = 60  # characters of a name in a table's cell
MOST_ROWS = 400  # of a table
MOST_CURVES = 2  # pictures; all numbers are in the table


def report_view(report: Report) -> dict[str, Any]:
    """Everything that the template asks for."""
    view: dict[str, Any] = {
        "title": shortened(report.title, 120),
        "verdict": verdict(report),
        "noun": report.noun,
        "cards": _cards(report.summary, report.noun),
        "curves": _curves(report),
        "sites": sites_view(report),
        "energy": _energy(report),
        "images": _images(report),
        "provenance": _provenance(report),
        "words": GLOSSARY,
    }
    names = (
        ("time", "Time", "curves"),
        ("sites", "Sites", "sites"),
        ("energy", "Energy", "energy"),
        ("images", f"{report.noun}s".capitalize(), "images"),
    )
    there = [(id_, name) for id_, name, key in names if view[key]]
    view["sections"] = [*there, ("provenance", "How this was made"), ("words", "The words")]
    return view


def verdict(report: Report) -> str:
    """The whole report in two or three sentences."""
    summary = report.summary
    kind = {
        "ann": "A plain network (ANN).",
        "quantized": f"A quantized network of N = {span(summary.total_levels)} levels, without time.",
        "snn": f"A spiking network of {summary.timesteps} time step{'s' * (summary.timesteps != 1)} "
        f"under {summary.coupling} coupling.",
    }[summary.stage]
    told = [kind]
    if summary.agreement is not None:
        told.append(
            f"It gives the answer of {shortened(report.against or 'the other network', 60)} on "
            f"{summary.agreement:.2f} % of {summary.images:,} {report.noun}s."
        )
    if summary.accuracy is not None:
        versus = points(summary.accuracy, summary.against_accuracy)
        told.append(f"Its accuracy is {summary.accuracy:.2f} %{f', {versus}' if versus else ''}.")
    elif summary.agreement is None:
        told.append("The data have no labels and no other network was given, so nothing says how good it is.")
    if summary.outputs > 1:
        told.append(f"It has {summary.outputs} outputs, of which the first is read.")
    return " ".join(told)


def _cards(summary: Summary, noun: str) -> list[dict[str, str | None]]:
    def card(name: str, value: str | None, more: str | None = None) -> dict[str, str | None]:
        return {"name": name, "value": value, "more": more}

    right = None
    if summary.accuracy is not None:
        right = f"± {summary.accuracy_standard_error:.2f}"
        if summary.against_accuracy is not None:
            right += f"; the other network {summary.against_accuracy:.2f} %"
    same = None if summary.agreement is None else f"± {summary.agreement_standard_error:.2f}"
    whole = None if summary.latency_steps is None else f"the answer is whole after {summary.latency_steps:,} steps"
    of = f"of {summary.images_available:,}" if summary.images < summary.images_available else "all of the data"
    cards = [
        card("Accuracy", percent(summary.accuracy), right),
        card("Same answer as the other network", percent(summary.agreement), same),
        card("Energy, estimated", energy(summary.energy_pj), _against_plain(summary, noun)),
        card("Time steps T", number(summary.timesteps), whole),
        card(
            "Levels N" if summary.levels is None else "Levels N = L x T", span(summary.total_levels), _levels(summary)
        ),
        card("Coupling", summary.coupling, "step by step" if summary.coupling == "causal" else "waits for its window"),
        card(f"{noun}s".capitalize(), f"{summary.images:,}", f"{of}; {summary.mode}, {summary.precision}"),
    ]
    return [each for each in cards if each["value"] is not None]


def _levels(summary: Summary) -> str | None:
    if summary.levels is None:
        return None
    return f"at most {summary.levels} in one step (L)" if summary.levels > 1 else "one in a step (L)"


def _against_plain(summary: Summary, noun: str) -> str | None:
    if not summary.ann_energy_pj or summary.energy_pj is None:
        return with_article(noun)
    times = summary.energy_pj / summary.ann_energy_pj
    return f"{with_article(noun)}; {times:.2f} times the plain network's {energy(summary.ann_energy_pj)}"


def _curves(report: Report) -> dict[str, Any] | None:
    if not report.curves:
        return None
    pictures: list[Figure] = []
    heads, columns = ["step"], []
    names = (
        ("accuracy_at", "accuracy", report.summary.against_accuracy, "Right answers"),
        ("agreement_at", "same answer", None, "Answers equal to the other network's"),
        ("settled_at", "settled", None, "Answers that stay what they are from there on"),
    )
    for what, word, level, caption in names:
        drawn = [curve for curve in report.curves if getattr(curve, what) is not None]
        if drawn and len(pictures) < MOST_CURVES:
            told = f"{caption}, of {report.summary.images:,} {report.noun}s."
            pictures.append(Figure(figures.curves_figure(report.curves, what, level, "the other network"), told))
        for curve in drawn:
            heads.append(f"{word}, {curve.coupling}")
            columns.append([f"{value:.2f}" for value in getattr(curve, what)])
    rows = [[str(step), *values] for step, values in enumerate(zip(*columns, strict=False), 1)][:MOST_ROWS]
    return {
        "words": "The answer after step t is that of the mean of the first t steps of the output. The same weights, "
        "ceilings and levels are run under each coupling that the neurons can have.",
        "figures": pictures,
        "notes": [_note(curve) for curve in report.curves],
        "heads": heads,
        "rows": rows,
    }


def _note(curve: Curve) -> str:
    name = f"{curve.coupling} coupling".capitalize()
    return f"{name}{' (this network)' if curve.own else ''}: {curve.note}"


def _energy(report: Report) -> dict[str, Any] | None:
    summary = report.summary
    if summary.energy_pj is None:
        return None
    return {
        "words": _costs_in_words(summary, report.noun),
        "figures": [
            Figure(
                figures.energy_figure(report.layers, report.noun), "Layers in the order of execution, by their numbers."
            )
        ]
        if any(layer.energy_pj or layer.ann_energy_pj for layer in report.layers)
        else [],
        "note": summary.energy_note,
        "uncounted": [
            shortened(f"{operator['operator']} {operator['name']}", LONGEST) for operator in report.uncounted
        ],
        "heads": [
            "layer",
            "operator",
            "MACs",
            "spikes' additions",
            "additions",
            "neuron updates",
            "energy",
            "of updates",
            "plain network's",
        ],
        "rows": [_layer_row(place, layer) for place, layer in enumerate(report.layers[:MOST_ROWS], 1)],
    }


def _costs_in_words(summary: Summary, noun: str) -> str:
    told = f"One {noun} costs {energy(summary.energy_pj)}"
    if summary.ann_energy_pj:
        told += f", the plain network of the same layers {energy(summary.ann_energy_pj)}"
    told += f": operations counted on {summary.counted_images:,} {noun}s."
    if summary.neuron_energy_pj:
        told += f" Updates of neurons, not included above, come to {energy(summary.neuron_energy_pj)}."
    if summary.memory_energy_pj:
        told += f" Memory accesses, not included above, come to {energy(summary.memory_energy_pj)}"
        if summary.ann_memory_energy_pj:
            told += f", the plain network's to {energy(summary.ann_memory_energy_pj)}"
        told += ", if nothing were kept in a register."
    return told


def _layer_row(place: int, layer: LayerCost) -> list[str | None]:
    return [
        f"{place} {shortened(layer.name, LONGEST)}",
        layer.operator,
        number(layer.macs),
        number(layer.synops),
        number(layer.additions),
        number(layer.neuron_updates),
        energy(layer.energy_pj),
        energy(layer.neuron_energy_pj),
        energy(layer.ann_energy_pj),
    ]


def _images(report: Report) -> list[dict[str, Any]]:
    groups = []
    if report.disagreements is not None:
        found = len(report.disagreeing)
        words = f"{report.disagreements:,} of {report.summary.images:,} {report.noun}s"
        if report.disagreements > found:
            words += f"; shown are the {found} of which this network is surest"
        groups.append(_group("Answered differently from the other network", f"{words}.", report.disagreeing, report))
    if report.summary.timesteps is not None:
        words = "The answer after fewer steps was another one." if report.slowest else "All are settled after step 1."
        groups.append(_group("The last to settle", words, report.slowest, report))
    return groups


def _group(heading: str, words: str, notes: tuple[ImageNote, ...], report: Report) -> dict[str, Any]:
    return {"heading": heading, "words": words, "notes": [_image(note, report) for note in notes]}


def _image(note: ImageNote, report: Report) -> dict[str, Any]:
    def name(index: int) -> str:
        known = report.classes is not None and index < len(report.classes)
        return shortened(report.classes[index], 40) if known and report.classes is not None else f"class {index}"

    lines = [f"this: {name(note.own)}"]
    if note.other is not None:
        lines.append(f"other: {name(note.other)}")
    if note.label is not None:
        lines.append(f"label: {name(note.label)}")
    if note.settled_at is not None:
        lines.append(f"settled at step {note.settled_at}")
    png = base64.b64encode(report.thumbnails[note.index]).decode("ascii")
    return {"index": note.index, "png": png, "lines": [*lines, f"{report.noun} {note.index}"]}


def _provenance(report: Report) -> dict[str, Any]:
    found = report.provenance
    conversion = found.network.get("conversion")
    made = conversion if isinstance(conversion, dict) else {}
    return {
        "facts": [
            ("made", found.made),
            ("network", f"{report.title}, SHA-256 {found.network.get('source_sha256', 'not known')}"),
            (
                "other network",
                found.against and f"{report.against}, SHA-256 {found.against.get('source_sha256', 'not known')}",
            ),
            ("data", f"{found.data['spec']}, {found.data['used']:,} of {found.data['images']:,} {report.noun}s"),
            (f"hash of labels and 64 {report.noun}s", found.data["sha256_of_labels_and_64"]),
            ("calibrated on", made.get("calibration")),
            (f"calibration {report.noun}s", made.get("calibration_images")),
            ("calibration method", made.get("calibration_method")),
            ("seed of the conversion", made.get("seed")),
            ("versions", ", ".join(f"{name} {value}" for name, value in found.versions.items())),
            ("machine", found.machine),
        ],
        "command": found.command,
        "network": _cut(found.network),
        "against": None if found.against is None else _cut(found.against),
    }


def _cut(values: dict[str, Any]) -> str:
    return shortened(json.dumps(values, indent=2, ensure_ascii=False), 20_000)
