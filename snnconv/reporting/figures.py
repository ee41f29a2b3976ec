"""The pictures of a report. No text in them comes from a file: sites are numbers, and the page's tables name them.

Series differ by colour, and by marker, line or hatching too. Colours are those of Okabe and Ito (2008), which people of
any colour vision tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from snnconv.reporting.formatting import with_article
from snnconv.reporting.histogram import Histogram
from snnconv.reporting.numbers import Curve, LayerCost, SiteStatistics
from snnconv.reporting.svg import INK, drawing, to_svg

__all__ = ["curves_figure", "energy_figure", "errors_figure", "fired_figure", "likeness_figure", "potentials_figure"]

WIDE, SMALL = (4.2, 2.7), (3.3, 2.1)  # inches
COLOURS = {"mean": INK["one"], "causal": INK["two"], "learned": INK["three"]}
MARKERS = {"mean": "o", "causal": "s", "learned": "^"}
LINES = {"mean": "-", "causal": "--", "learned": "-."}
ERRORS = (("clipping", "one", ""), ("quantization", "two", "////"), ("unevenness", "three", "\\\\\\\\"))
MOST_MARKS = 9  # spike values that are marked one by one
MOST_NAMED = 5  # levels whose shares stand above their bars
MOST_TICKS = 12


def curves_figure(curves: Sequence[Curve], what: str, level: float | None, level_name: str) -> str:
    """Accuracy, agreement or settledness after each step.

    Args:
        curves: those of `what` that are None are left out.
        what: accuracy_at, agreement_at or settled_at.
        level: the ANN's, or None.
        level_name: what that is.
    """
    word = {"accuracy_at": "accuracy", "agreement_at": "same arg-max", "settled_at": "settled"}[what]
    drawn = [(curve, getattr(curve, what)) for curve in curves if getattr(curve, what) is not None]
    with drawing(*WIDE) as figure:
        axes = figure.subplots()
        for curve, values in drawn:
            name = curve.coupling
            axes.plot(
                range(1, len(values) + 1),
                values,
                label=f"{name} coupling{' (this network)' if curve.own else ''}",
                color=COLOURS[name],
                marker=MARKERS[name],
                linestyle=LINES[name],
                linewidth=2.2 if curve.own else 1.4,
            )
        if level is not None:
            axes.axhline(level, color=INK["muted"], linestyle=":", label=level_name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="after step t", ylabel=f"{word}, %")
        axes.margins(y=0.12)
        axes.legend(loc="best")
        told = "; ".join(f"{curve.coupling} coupling: {_listed(values)} %" for curve, values in drawn)
        return to_svg(figure, f"curve-{what[:-3]}", f"{word} after each time step", told)


def _listed(values: Sequence[float]) -> str:
    shown = [f"{value:.2f}" for value in values]
    return ", ".join(shown if len(shown) <= 8 else [*shown[:4], "…", *shown[-3:]])


def errors_figure(sites: Sequence[SiteStatistics]) -> str:
    """The three errors of every site, one on the other."""
    numbers = np.array([site.number for site in sites])
    with drawing(*WIDE) as figure:
        axes = figure.subplots()
        bottom = np.zeros(len(sites))
        for name, colour, hatch in ERRORS:
            heights = np.array([100 * (getattr(site, name) or 0.0) for site in sites])
            axes.bar(numbers, heights, 0.8, bottom, label=name, color=INK[colour], hatch=hatch, edgecolor=INK["paper"])
            bottom += heights
        axes.set(xlabel="site", ylabel="% of the mean activation", xlim=(0.4, numbers[-1] + 0.6))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="x", visible=False)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.17), ncols=3, columnspacing=1)
        worst = max(sites, key=lambda site: site.error or 0.0)
        told = f"The three errors of {len(sites)} sites; most at site {worst.number}: {100 * (worst.error or 0):.2f} %."
        return to_svg(figure, "errors", "Conversion errors of every site", told)


def likeness_figure(sites: Sequence[SiteStatistics]) -> str:
    """Correlation with the ANN's activations, and firing rates, site by site."""
    compared = [site for site in sites if site.correlation is not None]
    firing = [site for site in sites if site.firing_rate is not None]
    rows = bool(compared) + bool(firing)
    with drawing(WIDE[0], WIDE[1] if rows == 2 else 0.6 * WIDE[1]) as figure:
        panels: list[Axes] = list(figure.subplots(rows, squeeze=False, sharex=True)[:, 0])
        left = iter(panels)
        if compared:
            _dots(next(left), compared, "correlation", "one", "o")
        if firing:
            _dots(next(left), firing, "firing_rate", "two", "s")
        panels[-1].set_xlabel("site")
        panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
        told = []
        if compared:
            least = min(compared, key=lambda site: site.correlation or 0.0)
            told.append(f"Correlation with the ANN is least at site {least.number}: {least.correlation:.4f}.")
        if firing:
            most = max(firing, key=lambda site: site.firing_rate or 0.0)
            told.append(f"The firing rate is highest at site {most.number}: {most.firing_rate:.3f} a neuron and step.")
        return to_svg(figure, "likeness", "Correlation and firing rate of every site", " ".join(told))


def _dots(axes: Axes, sites: Sequence[SiteStatistics], name: str, colour: str, marker: str) -> None:
    numbers, values = [site.number for site in sites], [getattr(site, name) for site in sites]
    axes.plot(numbers, values, color=INK[colour], marker=marker, markersize=4, linewidth=1)
    if name == "correlation":
        room = max(1 - min(values), 0.01)
        axes.set_ylim(1 - 1.15 * room, 1 + 0.15 * room)
    else:
        axes.set_ylim(0, 1.2 * max(max(values), 1e-9))
    axes.set_ylabel({"correlation": "correlation", "firing_rate": "spikes a step"}[name])


def fired_figure(site: SiteStatistics, fired: Histogram, order: int) -> str:
    """How often each level is fired."""
    centres = np.array(fired.edges[:-1]) + fired.width / 2
    shares = 100 * np.array(fired.shares)
    with drawing(*SMALL) as figure:
        axes = figure.subplots()
        axes.bar(centres, shares, 0.8 * fired.width, color=INK["one"])
        axes.set(xlabel="level fired in a step" if site.levels is not None else "level", ylabel="%", ylim=(0, None))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
        axes.grid(axis="x", visible=False)
        if fired.width == 1 and len(shares) <= MOST_NAMED:
            for centre, share in zip(centres, shares, strict=True):
                axes.annotate(
                    f"{share:.3g}", (centre, share), (0, 2), textcoords="offset points", ha="center", fontsize=7.5
                )
            axes.margins(y=0.15)
        told = f"Level 0: {100 * _share_of(fired, 0):.1f} %; the highest: {shares[-1]:.3g} %."
        return to_svg(figure, f"fired-{order}", f"Levels that site {site.number} fires", told)


def _share_of(histogram: Histogram, value: float) -> float:
    return histogram.shares[min(int((value - histogram.low) / histogram.width), len(histogram.shares) - 1)]


def potentials_figure(site: SiteStatistics, potentials: Histogram, order: int) -> str:
    """Membrane potentials before firing; spike values are lines, and what lies between two borders fires one."""
    highest = site.potential_levels or 0
    values = range(-highest if site.signed else 0, highest + 1)
    few = len(values) <= MOST_MARKS
    with drawing(*SMALL) as figure:
        axes = figure.subplots()
        axes.stairs(100 * np.array(potentials.shares), potentials.edges, fill=True, color=INK["one"], alpha=0.55)
        for value in values if few else (values[0], values[-1]):
            axes.axvline(value, color=INK["two"], linewidth=1.2)
        for border in list(values)[1:] if few else ():
            axes.axvline(border - 0.5, color=INK["muted"], linewidth=0.8, linestyle=":")
        axes.set(xlabel="u before firing, in θ", ylabel="%", xlim=(potentials.edges[0], potentials.edges[-1]))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, min_n_ticks=1))
        axes.grid(axis="x", visible=False)
        told = (
            f"Below the first spike value {values[0]}: {100 * _mass(potentials, values[0]):.1f} %; above the last, "
            f"{values[-1]}: {100 * (1 - _mass(potentials, values[-1])):.1f} %."
        )
        return to_svg(figure, f"potentials-{order}", f"Membrane potentials of site {site.number} before firing", told)


def _mass(histogram: Histogram, value: float) -> float:
    """Share of values below, as far as bins tell."""
    bins = zip(histogram.edges[1:], histogram.shares, strict=True)
    return histogram.below + sum(share for edge, share in bins if edge <= value + 1e-9)


def energy_figure(layers: Sequence[LayerCost], noun: str = "image") -> str:
    """Energy of every layer that has any, beside that of the same layer in the plain network."""
    costly = [(place, each) for place, each in enumerate(layers, 1) if each.energy_pj or each.ann_energy_pj]
    own = np.array([(layer.energy_pj or 0.0) / 1e6 for _, layer in costly])
    plain = np.array([(layer.ann_energy_pj or 0.0) / 1e6 for _, layer in costly])
    both, places = bool(plain.any()), np.arange(len(costly))
    with drawing(*WIDE) as figure:
        axes = figure.subplots()
        width = 0.42 if both else 0.8
        axes.bar(places - (width / 2 if both else 0), own, width, label="this network", color=INK["one"])
        if both:
            look: dict[str, Any] = {"color": INK["two"], "hatch": "////", "edgecolor": INK["paper"], "linewidth": 0.3}
            axes.bar(places + width / 2, plain, width, label="plain network", **look)
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.19), ncols=2)
        axes.set(xlabel="layer", ylabel=f"µJ {with_article(noun)}")
        shown = places[:: max(1, -(-len(costly) // MOST_TICKS))]
        axes.set_xticks(shown, [str(costly[place][0]) for place in shown])
        axes.grid(axis="x", visible=False)
        most = int(own.argmax())
        told = (
            f"Estimated energy of {len(costly)} of {len(layers)} layers, the others have none; most in layer "
            f"{costly[most][0]}: {own[most]:.4g} µJ {with_article(noun)}."
        )
        return to_svg(figure, "energy", "Estimated energy of every layer", told)
