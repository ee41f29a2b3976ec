"""The pictures of a comparison. Networks are numbers in them; the page's table names them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from snnconv.reporting.comparison import Comparison, Contender
from snnconv.reporting.formatting import with_article
from snnconv.reporting.svg import INK, drawing, to_svg

__all__ = ["energy_front", "latency_front"]

SIZE = (4.4, 3.2)  # inches
NEAR, MOST_NAMED = 20.0, 4  # dots between points that share a label, and numbers in one label
LOOKS = {  # colour, marker and its size: at one place all of them can be seen
    "mean": (INK["one"], "o", 10),
    "causal": (INK["two"], "s", 6),
    "learned": (INK["three"], "^", 8),
    None: (INK["four"], "D", 8),
}
WORDS = {"mean": "mean coupling", "causal": "causal coupling", "learned": "learned coupling", None: "without time"}


def energy_front(comparison: Comparison) -> str:
    """Score against estimated energy."""
    points = [
        (each, each.energy_pj / 1e6, each.on_energy_front)
        for each in comparison.contenders
        if each.energy_pj is not None
    ]
    reference = comparison.reference
    mark = None if reference is None else reference.energy_pj / 1e6
    return _front(comparison, points, f"estimated energy, µJ {with_article(comparison.noun)}", "energy", mark)


def latency_front(comparison: Comparison) -> str:
    """Score against the steps until the whole answer is out."""
    points = [
        (each, float(each.latency_steps), each.on_latency_front)
        for each in comparison.contenders
        if each.latency_steps is not None
    ]
    return _front(comparison, points, "latency, time steps", "latency", None)


def _front(
    comparison: Comparison,
    points: Sequence[tuple[Contender, float, bool]],
    cost: str,
    name: str,
    reference_cost: float | None,
) -> str:
    score = comparison.score
    with drawing(*SIZE) as figure:
        axes = figure.subplots()
        for coupling, (colour, marker, size) in LOOKS.items():
            mine = [(x, each.score(score), on) for each, x, on in points if each.coupling == coupling]
            for on in (True, False):
                some = [(x, y) for x, y, is_on in mine if is_on is on]
                if some:
                    axes.plot(
                        *zip(*some, strict=True),
                        linestyle="none",
                        marker=marker,
                        markersize=size,
                        color=colour,
                        markerfacecolor=colour if on else "none",
                        label=WORDS[coupling] if on or not any(is_on for *_, is_on in mine) else None,
                    )
        best = sorted((x, each.score(score)) for each, x, on in points if on)
        if best:
            axes.plot(*zip(*best, strict=True), drawstyle="steps-post", color=INK["muted"], linewidth=1, zorder=1)
        reference = comparison.reference
        level = None if reference is None else (reference.accuracy if score == "accuracy" else 100.0)
        if level is not None:
            axes.axhline(level, color=INK["muted"], linestyle=":", linewidth=1)
            if reference_cost is not None:
                axes.plot([reference_cost], [level], "*", color=INK["text"], markersize=11, label="the reference")
        axes.set(xlabel=cost, ylabel=f"{score}, %")
        _scale(axes, [x for _, x, _ in points] + ([] if reference_cost is None else [reference_cost]))
        axes.margins(0.12)
        _name(axes, [(x, each.score(score), each.number, on) for each, x, on in points])
        axes.legend(loc="best")
        on_front = ", ".join(str(each.number) for each, _, on in points if on)
        told = f"{len(points)} networks; no other beats {on_front}."
        return to_svg(figure, f"front-{name}", f"{score} against {name}", told)


def _name(axes: Axes, points: Sequence[tuple[float, float, int, bool]]) -> None:
    """Write the networks' numbers; those that all but meet share a place, and bold is what has one on the front."""
    axes.autoscale_view()
    groups: list[tuple[tuple[float, float], list[int], bool]] = []
    for x, y, number, on in sorted(points, key=lambda point: not point[3]):
        here = axes.transData.transform((x, y))
        for place, (corner, numbers, is_on) in enumerate(groups):
            if math.dist(here, axes.transData.transform(corner)) < NEAR:
                groups[place] = (corner, sorted([*numbers, number]), is_on)
                break
        else:
            groups.append(((x, y), [number], on))
    for corner, numbers, on in groups:
        shown = numbers if len(numbers) <= MOST_NAMED else [numbers[0], numbers[1], "…", numbers[-1]]
        weight = "bold" if on else "normal"
        text = ", ".join(str(number) for number in shown)
        axes.annotate(text, corner, (5, 5), textcoords="offset points", fontsize=8, fontweight=weight)


def _scale(axes: Axes, costs: Sequence[float]) -> None:
    """Logarithmic where costs differ much, with plain numbers."""
    if costs and min(costs) > 0 and max(costs) / min(costs) > 8:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7))
