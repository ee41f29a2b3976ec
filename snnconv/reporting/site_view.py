"""The section of the sites: all of them at a glance, the worst ones in full, the others folded."""

from __future__ import annotations

from typing import Any

from snnconv.reporting import figures
from snnconv.reporting.formatting import number, share, span
from snnconv.reporting.numbers import Report, SiteStatistics
from snnconv.reporting.page import Figure, shortened

__all__ = ["DRAWN", "WORST", "sites_view"]

WORST = 3  # sites that are shown in full
DRAWN = 40  # of the worst, that have pictures: a page of hundreds of sites stays small
LONGEST = 60
MOST_ROWS = 400


def sites_view(report: Report) -> dict[str, Any] | None:
    """The section; None of a network without sites."""
    if not report.sites:
        return None
    order = report.worst_first()
    views = [_view(site, place, drawn=place < DRAWN) for place, site in enumerate(order)]
    return {
        "words": _words(report, len(order)),
        "figures": _overview(report.sites),
        "worst": views[:WORST],
        "others": views[WORST:],
        "heads": ["site", "fires", "silent", "clipping", "quantization", "unevenness", "correlation", "ANN error"],
        "rows": [_row(site) for site in report.sites[:MOST_ROWS]],
    }


def _words(report: Report, sites: int) -> str:
    compared = any(site.ann_error is not None for site in report.sites)
    order = (
        "how far the time mean is from the ANN's activation (squared error, as a share of the activation's square)"
        if compared
        else "the three conversion errors together"
    )
    told = f"{sites} sites, seen on {report.site_images:,} {report.noun}s, the worst first by {order}."
    if report.against is not None and not compared:
        told += " No activation of the other network has a site's name and shape, so that nothing could be compared."
    if report.against is None and report.summary.stage != "ann":
        told += " No plain network was given: errors are against the quantized form, and clipping is a ReLU's."
    if sites > DRAWN:
        told += f" The worst {DRAWN} have pictures."
    return told


def _overview(sites: tuple[SiteStatistics, ...]) -> list[Figure]:
    found = []
    if any(site.error is not None for site in sites):
        found.append(
            Figure(
                figures.errors_figure(sites),
                "Clipping, quantization and unevenness, each as a share of the site's mean activation.",
            )
        )
    if any(site.correlation is not None or site.firing_rate is not None for site in sites):
        found.append(
            Figure(
                figures.likeness_figure(sites),
                "Correlation of the time mean with the ANN's activation, and unit spikes a neuron and step; as far as "
                "there are any.",
            )
        )
    return found


def _view(site: SiteStatistics, place: int, *, drawn: bool) -> dict[str, Any]:
    name = shortened(site.name, 120)
    told = [
        (f"{word} {share(value)}") for word, value in (("ANN error", site.ann_error), ("errors", site.error)) if value
    ]
    return {
        "heading": f"Site {site.number}: {name}",
        "short": ", ".join(told),
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
        ("ceiling λ", ceilings),
        ("spikes a neuron and step", None if rate is None else f"{rate:.4f}"),
        ("silent", share(site.silent)),
        ("saturated", share(site.saturated)),
        ("clipping", share(site.clipping)),
        ("quantization", share(site.quantization)),
        ("unevenness", share(site.unevenness)),
        ("correlation with the ANN", None if site.correlation is None else f"{site.correlation:.5f}"),
        ("squared error from the ANN", share(site.ann_error)),
        ("RMP-Loss", number(site.potential_loss)),
    ]


def _levels(site: SiteStatistics) -> str:
    sign = "±" if site.signed else ""
    return f"N = {sign}{site.total_levels}" + (f", L = {sign}{site.levels}" if site.levels is not None else "")


def _pictures(site: SiteStatistics, place: int) -> list[Figure]:
    found = []
    if site.fired is not None:
        words = (
            "Levels of one step, in percent of neurons and steps." if site.levels else "Levels, in percent of units."
        )
        found.append(Figure(figures.fired_figure(site, site.fired, place), words))
    if site.potentials is not None:
        words = "Potentials u before firing. Lines: the spike values 0, 1, … L; dots: where the next level begins."
        found.append(
            Figure(
                figures.potentials_figure(site, site.potentials, place),
                f"{words} Further down lie {share(site.potentials.below)}, further up {share(site.potentials.above)}.",
            )
        )
    return found


def _row(site: SiteStatistics) -> list[str | None]:
    return [
        f"{site.number} {shortened(site.name, LONGEST)}",
        None if site.firing_rate is None else f"{site.firing_rate:.4f}",
        share(site.silent),
        share(site.clipping),
        share(site.quantization),
        share(site.unevenness),
        None if site.correlation is None else f"{site.correlation:.4f}",
        share(site.ann_error),
    ]
