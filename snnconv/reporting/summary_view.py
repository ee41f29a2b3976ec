"""The head of a report: the whole of it in two or three sentences, and its main figures."""

from __future__ import annotations

from snnconv.neurons import Coupling
from snnconv.reporting.formatting import energy, number, percent, points, share, span, with_article
from snnconv.reporting.names import shortened
from snnconv.reporting.numbers import Report, Summary

__all__ = ["SummaryCard", "cards", "verdict"]

LONGEST = 60  # characters of a network's name

SummaryCard = dict[str, str | None]


def verdict(report: Report) -> str:
    """Return the whole report in two or three sentences."""
    summary = report.summary
    sentences = [_kind(summary)]
    if summary.agreement is not None:
        sentences.append(
            f"It predicts the same class as {shortened(report.against or 'the other network', LONGEST)} for "
            f"{summary.agreement:.2f} % of {summary.images:,} {report.noun}s."
        )
    elif report.output_errors:
        sentences.append(_differs(report))
    if summary.accuracy is not None:
        versus = points(summary.accuracy, summary.against_accuracy)
        sentences.append(f"Its accuracy is {summary.accuracy:.2f} %{f', {versus}' if versus else ''}.")
    elif summary.agreement is None and not report.output_errors:
        sentences.append(
            "The data have no labels for it and no other network was given, so nothing says how good it is."
        )
    if summary.outputs > 1:
        sentences.append(f"It has {summary.outputs} outputs, of which the first is read.")
    return " ".join(sentences)


def _differs(report: Report) -> str:
    """Return how far outputs that name no classes are from the other network's."""
    summary, name = report.summary, shortened(report.against or "the other network", LONGEST)
    if summary.relative_error is None:
        return f"The first output of {name} is the same for all {report.noun}s, so that nothing says how good it is."
    correlation = "" if summary.correlation is None else f" (correlation {summary.correlation:.4f})"
    return (
        f"Its first output differs from that of {name} by a relative error of {percent(summary.relative_error)}"
        f"{correlation} over {summary.images:,} {report.noun}s."
    )


def _kind(summary: Summary) -> str:
    if summary.stage == "ann":
        return "A plain network (ANN)."
    if summary.stage == "quantized":
        return f"A quantized network of N = {span(summary.total_levels)} levels, without time."
    steps = f"{summary.timesteps} time step{'s' * (summary.timesteps != 1)}"
    code = "" if summary.code is None else f", {summary.code} code"
    return f"A spiking network of {steps} under {summary.coupling} coupling{code}."


def cards(summary: Summary, noun: str) -> list[SummaryCard]:
    """Return the main figures: a name, a value, and a line that says more."""
    total = f"of {summary.images_available:,}" if summary.images < summary.images_available else "all of the data"
    levels = "Levels N" if summary.levels is None else "Levels N = L x T"
    latency = summary.latency_steps
    complete = None if latency is None else f"the output is complete after {latency:,} step{'s' * (latency != 1)}"
    every = [
        _card("Accuracy", percent(summary.accuracy), _accuracy(summary)),
        _card("Same class as the other network", percent(summary.agreement), _error(summary.agreement_standard_error)),
        _card("Relative error of the first output", percent(summary.relative_error), _correlation(summary)),
        _card(f"Energy, estimated{_unary(summary)}", energy(summary.energy_pj), _against_plain(summary, noun)),
        _card("Time steps T", number(summary.timesteps), complete),
        _card(levels, span(summary.total_levels), _levels(summary)),
        _card("Message sizes K", number(summary.octaves), "powers of two, and their negatives"),
        _card("Coupling", summary.coupling, _waits(summary)),
        _card("Units not settled", share(summary.unsettled), _not_settled(summary)),
        _card(f"{noun}s".capitalize(), f"{summary.images:,}", f"{total}; {summary.mode}, {summary.precision}"),
    ]
    return [card for card in every if card["value"] is not None]


def _waits(summary: Summary) -> str | None:
    if summary.coupling is None:
        return None
    waits = "no layer waits" if Coupling(summary.coupling).streams else "every layer waits for its window"
    return waits if summary.code is None else f"{waits}; {summary.code} code"


def _not_settled(summary: Summary) -> str:
    if summary.octaves is None:
        return "cut by L: not at the quantized network's level when the window ends"
    return "would send one more message when the window ends"


def _unary(summary: Summary) -> str:
    """Return the name of the count of spikes, of a network that spikes."""
    return ", unary" if summary.energy_by_count else ""


def _card(name: str, value: str | None, more: str | None) -> SummaryCard:
    return {"name": name, "value": value, "more": more}


def _error(standard_error: float | None) -> str | None:
    return None if standard_error is None else f"± {standard_error:.2f} points"


def _correlation(summary: Summary) -> str | None:
    return None if summary.correlation is None else f"correlation {summary.correlation:.4f} with the other network's"


def _accuracy(summary: Summary) -> str | None:
    error, other = _error(summary.accuracy_standard_error), summary.against_accuracy
    return error if other is None else f"{error}; the other network {other:.2f} %"


def _levels(summary: Summary) -> str | None:
    if summary.levels is None:
        return None
    return f"at most {summary.levels} in one step (L)" if summary.levels > 1 else "one in a step (L)"


def _against_plain(summary: Summary, noun: str) -> str:
    if not summary.ann_energy_pj or summary.energy_pj is None:
        return with_article(noun)
    times = summary.energy_pj / summary.ann_energy_pj
    return f"{with_article(noun)}; {times:.2f} times the plain network's {energy(summary.ann_energy_pj)}"
