"""The section of the sites: all of them at a glance, the worst ones in full, the others folded."""

from __future__ import annotations

from typing import Any

from snnconv.reporting import site_figures
from snnconv.reporting.formatting import number, share, span
from snnconv.reporting.names import shortened, shortened_apart
from snnconv.reporting.numbers import Report
from snnconv.reporting.page import Picture
from snnconv.reporting.site_statistics import SiteStatistics

__all__ = ["DRAWN", "WORST", "sites_view"]

WORST = 3  # sites that are shown in full
DRAWN = 40  # sites, the worst ones, that have pictures: a page of hundreds of sites stays small
LONGEST = 60  # characters of a name in a table's cell
LONGEST_HEADING = 120  # characters of a name in a heading
MOST_ROWS = 400


def sites_view(report: Report) -> dict[str, Any] | None:
    """Return the section's parts; None of a network without sites."""
    if not report.sites:
        return None
    labels = shortened_apart([report.label_of(site) for site in report.sites], LONGEST)
    views = [
        _view(site, report.label_of(site), place, drawn=place < DRAWN)
        for place, site in enumerate(report.worst_first())
    ]
    return {
        "text": _text(report),
        "figures": _overview(report.sites),
        "worst": views[:WORST],
        "others": views[WORST:],
        "heads": _heads(report.sites[0]),
        "rows": [_row(site, label) for site, label in zip(report.sites, labels, strict=True)][:MOST_ROWS],
    }


def _heads(site: SiteStatistics) -> list[str]:
    unsettled = [] if site.unsettled is None else ["units not settled"]
    return ["site", "spikes a step", "silent", *site.error_names, *unsettled, "correlation", "ANN error"]


def _text(report: Report) -> str:
    count = len(report.sites)
    compared = any(site.ann_error is not None for site in report.sites)
    if compared:
        measure = (
            "The measure is its ANN error: the squared difference of its time mean from the other network's "
            "activation, as a share of that activation's square."
        )
    else:
        measure = "The measure is the sum of its three conversion errors."
    sentences = [
        f"The network has {count} site{'s' * (count != 1)}, watched on {report.site_images:,} {report.noun}s.",
        f"The site that differs most comes first. {measure}",
    ]
    if compared and report.provenance.against and report.provenance.against.get("stage") != "ann":
        sentences.append("The other network has levels itself, so that the ANN error leaves out what levels cost.")
    if report.against is not None and not compared:
        sentences.append("No activation of the other network has a site's name and shape, so nothing was compared.")
    if report.against is None and report.summary.stage != "ann":
        form = "quantized form" if report.sites[0].octaves is None else "activation of what a site was told"
        sentences.append(
            f"No plain network was given: errors are differences from the {form}, and clipping is that of a ReLU."
        )
    if report.summary.unsettled is not None:
        sentences.append(_unsettled(report))
    if count > DRAWN:
        sentences.append(f"The worst {DRAWN} have pictures.")
    return " ".join(sentences)


def _unsettled(report: Report) -> str:
    """Return a sentence on the units that have not settled when the window ends."""
    amount = share(report.summary.unsettled)
    if report.summary.octaves is not None:
        return f"After the last step {amount} of all units would send one more message, had the network more steps."
    return (
        f"{amount} of all units were cut: L was too small for one of their steps, so that they do not end at the level "
        "of the quantized network."
    )


def _overview(sites: tuple[SiteStatistics, ...]) -> list[Picture]:
    """Return the pictures that show all sites."""
    pictures = []
    if any(site.error is not None for site in sites):
        first, second, third = sites[0].error_names
        caption = f"{first.capitalize()}, {second} and {third}, each as a share of the site's mean activation."
        pictures.append(Picture(site_figures.errors_figure(sites), caption))
    compared = any(site.correlation is not None for site in sites)
    firing = any(site.firing_rate is not None for site in sites)
    captions = (
        *(["Correlation of the time mean with the other network's activation."] if compared else []),
        *([_rate_caption(sites[0])] if firing else []),
    )
    if captions:
        pictures.append(Picture(site_figures.likeness_figure(sites), " ".join(captions)))
    return pictures


def _rate_caption(site: SiteStatistics) -> str:
    return "Unit spikes a neuron and step." if site.octaves is None else "Messages a neuron and step."


def _view(site: SiteStatistics, label: str, place: int, *, drawn: bool) -> dict[str, Any]:
    errors = (("ANN error", site.ann_error), ("errors", site.error))
    return {
        "heading": f"Site {site.number}: {shortened(label, LONGEST_HEADING)}",
        "short": ", ".join(f"{name} {share(value)}" for name, value in errors if value),
        "facts": _facts(site),
        "figures": _pictures(site, place) if drawn else [],
    }


def _facts(site: SiteStatistics) -> list[tuple[str, str | None]]:
    rate = site.firing_rate
    ceilings = None
    if site.ceiling_min is not None and site.ceiling_max is not None:
        ceilings = f"{span((site.ceiling_min, site.ceiling_max))} ({site.ceilings:,})"
    return [
        ("neurons", f"{site.neurons:,}"),
        ("levels", None if site.total_levels is None else _levels(site)),
        ("message sizes K", number(site.octaves)),
        ("ceiling λ (number of them)" if site.octaves is None else "largest message θ (number of them)", ceilings),
        ("spikes a neuron and step", None if rate is None else f"{rate:.4f}"),
        ("of them taken back", share(site.taken_back)),
        ("silent", share(site.silent)),
        ("saturated", share(site.saturated)),
        *zip(site.error_names, map(share, (site.clipping, site.quantization, site.unevenness)), strict=True),
        ("units not settled", share(site.unsettled)),
        ("correlation", None if site.correlation is None else f"{site.correlation:.5f}"),
        ("ANN error", share(site.ann_error)),
        ("RMP-Loss", number(site.potential_loss)),
    ]


def _levels(site: SiteStatistics) -> str:
    sign = "±" if site.signed else ""
    return f"N = {sign}{site.total_levels}" + (f", L = {sign}{site.levels}" if site.levels is not None else "")


def _pictures(site: SiteStatistics, place: int) -> list[Picture]:
    pictures = []
    if site.fired is not None:
        caption = (
            "Levels of one step, in percent of neurons and steps." if site.levels else "Levels, in percent of units."
        )
        if site.octaves is not None:
            caption = "Messages of one step by their size, in percent of neurons and steps. Negative ones take back."
        pictures.append(Picture(site_figures.fired_figure(site, site.fired, place), caption))
    if site.potentials is not None:
        caption = (
            "Potentials u before firing. Lines mark the spike values 0, 1, … L, dots the beginning of the next level. "
            f"Off the picture lie {share(site.potentials.below)} to the left and {share(site.potentials.above)} to the "
            "right."
        )
        pictures.append(Picture(site_figures.potentials_figure(site, site.potentials, place), caption))
    return pictures


def _row(site: SiteStatistics, label: str) -> list[str | None]:
    return [
        f"{site.number} {label}",
        None if site.firing_rate is None else f"{site.firing_rate:.4f}",
        share(site.silent),
        share(site.clipping),
        share(site.quantization),
        share(site.unevenness),
        *([] if site.unsettled is None else [share(site.unsettled)]),
        None if site.correlation is None else f"{site.correlation:.4f}",
        share(site.ann_error),
    ]
