"""Tables and picture of what `benchmarks.choosing` measured.

    python -m benchmarks.choosing_plot benchmarks/results/choosing.json \
        --page docs/choosing.md --picture docs/img/choosing.svg

The tables take the place of those between the marks of the page. The picture shows agreement against energy and against
latency, with the Pareto front of each.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from benchmarks.choosing import NETWORKS, Point, measured
from benchmarks.pictures import standalone
from snnconv.reporting.pareto import pareto_front
from snnconv.reporting.svg import INK, drawing, to_svg

BEGIN, END = "<!-- table of benchmarks.choosing_plot: {} -->", "<!-- end of the table -->"
COUNT = "power_of_two"  # of the spikes, in the picture
SIZE = 7.6, 3.5  # inches, of one network
FROM_PERCENT = 75
STYLES: dict[str, dict[str, Any]] = {
    "mean, T=1": {"color": INK["one"], "marker": "o"},
    "mean, T=4": {"color": INK["one"], "marker": "o", "markerfacecolor": "none"},
    "causal, L=1": {"color": INK["two"], "marker": "s"},
    "causal, more levels": {"color": INK["two"], "marker": "s", "markerfacecolor": "none"},
    "differential, power-of-two": {"color": INK["five"], "marker": "v"},
    "differential, uniform": {"color": INK["three"], "marker": "^"},
}


def series(point: Point) -> str:
    """Return the name of a point's series."""
    way = point.way
    if way.coupling == "differential":
        return f"differential, {way.code}"
    if way.coupling == "mean":
        return f"mean, T={way.timesteps}"
    return "causal, L=1" if way.levels == 1 else "causal, more levels"


def title(point: Point) -> str:
    """Return the choices of a point, as a table names them."""
    way = point.way
    if way.levels is None:
        return f"differential, T={way.timesteps}, K={point.octaves}"
    name = "differential, uniform" if way.code else way.coupling
    return f"{name}, T={way.timesteps}, L={way.levels}"


def table(points: Sequence[Point], name: str) -> str:
    """Return the table of one network, in Markdown."""
    own = [point for point in points if point.network == name]
    columns = [
        f"{name} (ANN {own[0].ann_accuracy:.1f} %)",
        "N",
        "steps until the answer",
        "accuracy",
        "same class as the ANN",
        "energy, power-of-two",
        "unary",
        "graded",
        "power-of-two, with memory",
    ]
    lines = [_line(columns), "|---" * len(columns) + "|"]
    for point in own:
        levels = point.way.levels
        cells = [title(point), "" if levels is None else str(levels * point.way.timesteps), str(point.latency)]
        cells += [f"{point.accuracy:.1f} %", f"{point.agreement:.1f} %"]
        cells += [f"{point.energy[count]:.2f}" for count in ("power_of_two", "unary", "graded")]
        lines.append(_line([*cells, f"{point.energy_with_memory[COUNT]:.2f}"]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def with_tables(page: str, points: Sequence[Point]) -> str:
    """Return a page with the tables between its marks."""
    for name in dict.fromkeys(point.network for point in points):
        begin = BEGIN.format(name)
        pattern = f"{re.escape(begin)}.*?{re.escape(END)}"
        text = f"{begin}\n\n{table(points, name)}\n\n{END}"
        page = re.sub(pattern, lambda _, text=text: text, page, flags=re.S)
    return page


def draw_points(axes: Axes, points: Sequence[Point], costs: Sequence[float]) -> None:
    """Draw the points of one network against their costs, and the front of those that no other beats."""
    scores = [point.agreement for point in points]
    unbeaten = pareto_front(costs, scores)
    front = sorted((cost, score) for cost, score, best in zip(costs, scores, unbeaten, strict=True) if best)
    axes.plot(*zip(*front, strict=True), color=INK["muted"], drawstyle="steps-post", linewidth=1, zorder=1)
    for name, style in STYLES.items():
        chosen = [place for place, point in enumerate(points) if series(point) == name]
        x, y = [costs[place] for place in chosen], [scores[place] for place in chosen]
        axes.plot(x, y, linestyle="", markersize=6, label=name, **style)


def picture(points: Sequence[Point]) -> str:
    """Return the picture as SVG: a row a network; agreement against energy at the left, against latency beside it."""
    names = [name for name in NETWORKS if any(point.network == name for point in points)]
    width, height = SIZE
    with drawing(width, height * len(names)) as figure:
        rows = figure.subplots(len(names), 2, squeeze=False, sharey="row")
        for (left, right), name in zip(rows, names, strict=True):
            own = [point for point in points if point.network == name]
            draw_points(left, own, [point.energy[COUNT] for point in own])
            draw_points(right, own, [float(point.latency) for point in own])
            left.set(
                xlabel="estimated energy over the ANN's, power-of-two count",
                ylabel="same class as the ANN, %",
                title=name,
            )
            left.set_ylim(FROM_PERCENT, 101)
            right.set_xscale("log", base=2)
            right.xaxis.set_major_formatter("{x:.0f}")
            right.set(xlabel="time steps until the answer is whole")
        entries = rows[0][0].get_legend_handles_labels()
        figure.legend(*entries, loc="outside lower center", ncols=3)
        unbeaten = [
            f"{point.network}, {title(point)}: {point.agreement:.1f} % at {point.energy[COUNT]:.2f}" for point in points
        ]
        return to_svg(figure, "choosing", "Agreement against energy and latency", "; ".join(unbeaten))


def main() -> None:
    """Print the tables; write them into the page, and the picture, where asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="file of benchmarks.choosing")
    parser.add_argument("--page", type=Path, help="page to write the tables into")
    parser.add_argument("--picture", type=Path, help="SVG file to write")
    options = parser.parse_args()
    points = measured(options.results)
    for name in dict.fromkeys(point.network for point in points):
        print(table(points, name), end="\n\n")
    if options.page:
        options.page.write_text(with_tables(options.page.read_text(encoding="utf-8"), points), encoding="utf-8")
    if options.picture:
        options.picture.write_text(standalone(picture(points)), encoding="utf-8")


if __name__ == "__main__":
    main()
