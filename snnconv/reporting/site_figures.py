"""The pictures of sites: all of them in one, and the levels and potentials of one site. Sites are numbers in them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from snnconv.reporting.histogram import Histogram
from snnconv.reporting.site_statistics import SiteStatistics
from snnconv.reporting.svg import INK, SMALL, WIDE, drawing, to_svg

__all__ = ["errors_figure", "fired_figure", "likeness_figure", "potentials_figure"]

ERRORS = (("clipping", "one", ""), ("quantization", "two", "////"), ("unevenness", "three", "\\\\\\\\"))
MOST_MARKS = 9  # spike values that are marked one by one
MOST_NAMED = 5  # levels whose shares stand above their bars


def errors_figure(sites: Sequence[SiteStatistics]) -> str:
    """Draw the three errors of every site, one on top of the other, as SVG."""
    numbers = np.array([site.number for site in sites])
    with drawing(*WIDE) as figure:
        axes = figure.subplots()
        bottom = np.zeros(len(sites))
        for label, (name, colour, hatch) in zip(sites[0].error_names, ERRORS, strict=True):
            heights = np.array([100 * (getattr(site, name) or 0.0) for site in sites])
            axes.bar(numbers, heights, 0.8, bottom, label=label, color=INK[colour], hatch=hatch, edgecolor=INK["paper"])
            bottom += heights
        axes.set(xlabel="site", ylabel="% of the mean activation", xlim=(0.4, numbers[-1] + 0.6))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="x", visible=False)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.17), ncols=3, columnspacing=1)
        worst = max(sites, key=lambda site: site.error or 0.0)
        description = (
            f"The three errors of {len(sites)} sites; most at site {worst.number}: {100 * (worst.error or 0):.2f} %."
        )
        return to_svg(figure, "errors", "Conversion errors of every site", description)


def likeness_figure(sites: Sequence[SiteStatistics]) -> str:
    """Draw the correlation with the ANN's activations and the firing rate of every site, as SVG."""
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
        description = _extremes(compared, firing)
        return to_svg(figure, "likeness", "Correlation and firing rate of every site", description)


def _extremes(compared: Sequence[SiteStatistics], firing: Sequence[SiteStatistics]) -> str:
    """Return sentences on the least correlation and the highest firing rate."""
    sentences = []
    if compared:
        least = min(compared, key=lambda site: site.correlation or 0.0)
        sentences.append(f"Correlation with the ANN is least at site {least.number}: {least.correlation:.4f}.")
    if firing:
        most = max(firing, key=lambda site: site.firing_rate or 0.0)
        sentences.append(f"The firing rate is highest at site {most.number}: {most.firing_rate:.3f} a neuron and step.")
    return " ".join(sentences)


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
    """Draw how often each level is fired, as SVG.

    Args:
        site: The site.
        fired: Histogram of the levels that it fires.
        order: Place of the picture on the page, which makes its name unique.
    """
    centres = np.array(fired.edges[:-1]) + fired.width / 2
    shares = 100 * np.array(fired.shares)
    with drawing(*SMALL) as figure:
        axes = figure.subplots()
        axes.bar(centres, shares, 0.8 * fired.width, color=INK["one"])
        axes.set(xlabel=_fired_label(site), ylabel="%", ylim=(0, None))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
        if site.octaves is not None:
            axes.xaxis.set_major_formatter(partial(_message_label, site.octaves))
        axes.grid(axis="x", visible=False)
        if fired.width == 1 and len(shares) <= MOST_NAMED:
            for centre, share in zip(centres, shares, strict=True):
                axes.annotate(
                    f"{share:.3g}", (centre, share), (0, 2), textcoords="offset points", ha="center", fontsize=7.5
                )
            axes.margins(y=0.15)
        nothing = "Level 0" if site.octaves is None else "No message"
        description = f"{nothing}: {100 * _share_of(fired, 0):.1f} %; the highest: {shares[-1]:.3g} %."
        title = f"{'Levels' if site.octaves is None else 'Messages'} that site {site.number} fires"
        return to_svg(figure, f"fired-{order}", title, description)


def _fired_label(site: SiteStatistics) -> str:
    if site.octaves is not None:
        return "message of a step, in θ"
    return "level" if site.levels is None else "level fired in a step"


def _message_label(octaves: int, place: float, _: int) -> str:
    """Return the message that stands at a place of the axis: n is 2^(n - K), -n its negative, 0 none.

    >>> [_message_label(8, place, 0) for place in (8, -7, 0, 9)]
    ['1', '-1/2', '0', '']
    """
    size = round(abs(place))
    if size == 0 or size > octaves:
        return "" if size else "0"
    sign, parts = "-" if place < 0 else "", 2 ** (octaves - size)
    return f"{sign}1" if parts == 1 else f"{sign}1/{parts}"


def _share_of(histogram: Histogram, value: float) -> float:
    return histogram.shares[min(int((value - histogram.low) / histogram.width), len(histogram.shares) - 1)]


def potentials_figure(site: SiteStatistics, potentials: Histogram, order: int) -> str:
    """Draw membrane potentials before firing, as SVG; spike values are lines, borders between two of them dots.

    Args:
        site: The site.
        potentials: Histogram of its potentials, in units of θ.
        order: Place of the picture on the page, which makes its name unique.
    """
    highest = site.potential_levels or 0
    values = range(-highest if site.signed else 0, highest + 1)
    with drawing(*SMALL) as figure:
        axes = figure.subplots()
        axes.stairs(100 * np.array(potentials.shares), potentials.edges, fill=True, color=INK["one"], alpha=0.55)
        _mark_levels(axes, values)
        axes.set(xlabel="u before firing, in θ", ylabel="%", xlim=(potentials.edges[0], potentials.edges[-1]))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, min_n_ticks=1))
        axes.grid(axis="x", visible=False)
        description = (
            f"Below the first spike value {values[0]}: {100 * _mass(potentials, values[0]):.1f} %; above the last, "
            f"{values[-1]}: {100 * (1 - _mass(potentials, values[-1])):.1f} %."
        )
        title = f"Membrane potentials of site {site.number} before firing"
        return to_svg(figure, f"potentials-{order}", title, description)


def _mark_levels(axes: Axes, values: range) -> None:
    """Draw lines at the spike values and between them; of many values only the first and the last."""
    few = len(values) <= MOST_MARKS
    for value in values if few else (values[0], values[-1]):
        axes.axvline(value, color=INK["two"], linewidth=1.2)
    for border in values[1:] if few else ():
        axes.axvline(border - 0.5, color=INK["muted"], linewidth=0.8, linestyle=":")


def _mass(histogram: Histogram, value: float) -> float:
    """Return the share of values below, as far as the bins tell."""
    bins = zip(histogram.edges[1:], histogram.shares, strict=True)
    return histogram.below + sum(share for edge, share in bins if edge <= value + 1e-9)
