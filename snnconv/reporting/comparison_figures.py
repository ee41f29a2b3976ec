"""The pictures of a comparison. Networks are numbers in them; the page's table names them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from snnconv.reporting.comparison import Comparison, Contender, Reference
from snnconv.reporting.formatting import with_article
from snnconv.reporting.svg import INK, drawing, to_svg

__all__ = ["energy_front", "latency_front"]

SIZE = (4.4, 3.2)  # inches
NEAR, MOST_NAMED = 20.0, 4  # dots between points that share a label, and numbers in one label
LOOKS = {  # colour, marker and its size: at one place all of them can be seen
    "mean": (INK["one"], "o", 10),
    "causal": (INK["two"], "s", 6),
    "learned": (INK["three"], "^", 8),
    "differential": (INK["five"], "v", 8),
    None: (INK["four"], "D", 8),
}
NAMES = {
    "mean": "mean coupling",
    "causal": "causal coupling",
    "learned": "learned coupling",
    "differential": "differential coupling",
    None: "without time",
}


class Point(NamedTuple):
    """One network in a picture: its number, coupling, cost and score, and whether no other network beats it."""

    number: int
    coupling: str | None
    cost: float
    score: float
    unbeaten: bool


def energy_front(comparison: Comparison) -> str:
    """Draw scores against estimated energies, as SVG."""
    points = [
        _point(comparison, network, network.energy_pj / 1e6, network.on_energy_front)
        for network in comparison.contenders
        if network.energy_pj is not None
    ]
    reference = comparison.reference
    mark = None if reference is None else reference.energy_pj / 1e6
    label = f"estimated energy ({comparison.spike_count.label}), µJ {with_article(comparison.noun)}"
    return _draw(comparison, points, label, "energy", mark)


def latency_front(comparison: Comparison) -> str:
    """Draw scores against the steps until the output is complete, as SVG."""
    points = [
        _point(comparison, network, float(network.latency_steps), network.on_latency_front)
        for network in comparison.contenders
        if network.latency_steps is not None
    ]
    courses = [
        (network.coupling, network.score_at) for network in comparison.contenders if network.score_at is not None
    ]
    return _draw(comparison, points, "latency, time steps", "latency", None, courses)


def _point(comparison: Comparison, network: Contender, cost: float, unbeaten: bool) -> Point:
    return Point(network.number, network.coupling, cost, network.score(comparison.score), unbeaten)


def _draw(
    comparison: Comparison,
    points: Sequence[Point],
    axis: str,
    name: str,
    reference_cost: float | None,
    courses: Sequence[tuple[str | None, Sequence[float]]] = (),
) -> str:
    """Draw scores against costs, with a line through the networks that no other beats.

    Args:
        comparison: The networks and their reference.
        points: Networks that have such a cost.
        axis: Label of the axis of costs.
        name: The cost in one word.
        reference_cost: Cost of the reference, or None.
        courses: Couplings of networks whose answer can be read early, and their scores after each step.
    """
    score, reference = comparison.score, comparison.reference
    with drawing(*SIZE) as figure:
        axes = figure.subplots()
        _scatter(axes, points)
        for coupling, scores in courses:
            axes.plot(range(1, len(scores) + 1), scores, color=LOOKS[coupling][0], linewidth=0.8, alpha=0.7, zorder=1)
        unbeaten = sorted((point.cost, point.score) for point in points if point.unbeaten)
        if unbeaten:
            axes.plot(*zip(*unbeaten, strict=True), drawstyle="steps-post", color=INK["muted"], linewidth=1, zorder=1)
        level = None if reference is None else _level(score, reference)
        if level is not None:
            axes.axhline(level, color=INK["muted"], linestyle=":", linewidth=1)
            if reference_cost is not None:
                axes.plot([reference_cost], [level], "*", color=INK["text"], markersize=11, label="the reference")
        axes.set(xlabel=axis, ylabel=f"{score.replace('_', ' ')}, %")
        _scale(axes, [point.cost for point in points] + ([] if reference_cost is None else [reference_cost]))
        axes.margins(0.12)
        if score == "relative_error":
            axes.invert_yaxis()  # what is better is higher
        _number(axes, points)
        axes.legend(loc="best")
        numbers = ", ".join(str(point.number) for point in points if point.unbeaten)
        description = f"{len(points)} networks; no other beats {numbers}."
        return to_svg(figure, f"front-{name}", f"{score.replace('_', ' ')} against {name}", description)


def _level(score: str, reference: Reference) -> float | None:
    """Return the score of the reference, beside itself: all classes the same, no error."""
    return reference.accuracy if score == "accuracy" else {"agreement": 100.0, "relative_error": 0.0}[score]


def _scatter(axes: Axes, points: Sequence[Point]) -> None:
    """Draw the networks, each coupling in its look, filled where no other network beats them."""
    for coupling, (colour, marker, size) in LOOKS.items():
        members = [point for point in points if point.coupling == coupling]
        filled = [point for point in members if point.unbeaten]
        hollow = [point for point in members if not point.unbeaten]
        for some, face in ((filled, colour), (hollow, "none")):
            if some:
                axes.plot(
                    [point.cost for point in some],
                    [point.score for point in some],
                    linestyle="none",
                    marker=marker,
                    markersize=size,
                    color=colour,
                    markerfacecolor=face,
                    label=NAMES[coupling] if some is filled or not filled else None,
                )


def _number(axes: Axes, points: Sequence[Point]) -> None:
    """Write the networks' numbers; points close together share a label, bold if no other network beats one of them."""
    axes.autoscale_view()
    groups: list[tuple[tuple[float, float], list[int], bool]] = []
    for point in sorted(points, key=lambda point: not point.unbeaten):
        here = axes.transData.transform((point.cost, point.score))
        for place, (corner, numbers, unbeaten) in enumerate(groups):
            if math.dist(here, axes.transData.transform(corner)) < NEAR:
                groups[place] = (corner, sorted([*numbers, point.number]), unbeaten)
                break
        else:
            groups.append(((point.cost, point.score), [point.number], point.unbeaten))
    for corner, numbers, unbeaten in groups:
        shown = numbers if len(numbers) <= MOST_NAMED else [numbers[0], numbers[1], "…", numbers[-1]]
        weight = "bold" if unbeaten else "normal"
        text = ", ".join(str(number) for number in shown)
        axes.annotate(text, corner, (5, 5), textcoords="offset points", fontsize=8, fontweight=weight)


def _scale(axes: Axes, costs: Sequence[float]) -> None:
    """Make the axis of costs logarithmic where they differ much, with plain numbers."""
    if costs and min(costs) > 0 and max(costs) / min(costs) > 8:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7))
