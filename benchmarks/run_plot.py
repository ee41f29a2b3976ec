"""Tables and picture of what `benchmarks.run` measured.

    python -m benchmarks.run_plot benchmarks/results/speed.json --picture docs/img/speed.svg

The tables go to standard output, in Markdown; the picture shows the time of a step, over the ANN's, against T.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def table(part: str, rows: Sequence[Row]) -> str:
    """One line a contender."""
    lines = [f"| {part} | time | over T x the ANN's | quartiles |", "|---|---|---|---|"]
    for row in rows:
        low, high = row["quartiles"]
        ratio = f"{row['ratio']:.2f} | {low:.2f} to {high:.2f}"
        lines.append(f"| {row['contender']} | {1e3 * row['seconds']:.1f} ms | {ratio} |")
    return "\n".join(lines)


def series(rows: Sequence[Row]) -> dict[str, list[tuple[int, float]]]:
    """Ratios against T of every contender that was run at several.

    >>> series([{"contender": "ours, T=4", "timesteps": 4, "ratio": 0.9}, {"contender": "ANN", "timesteps": 1}])
    {'ours': [(4, 0.9)]}
    """
    found: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        if match := re.fullmatch(r"(.+), T=\d+", row["contender"]):
            found.setdefault(match[1], []).append((row["timesteps"], row["ratio"]))
    return found


def picture(results: dict[str, Sequence[Row]], path: Path) -> None:
    """A panel for each network in torch."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "speed"  # the same figures make the same file
    import matplotlib.pyplot as plt

    parts = {part: rows for part, rows in results.items() if "onnxruntime" not in part and series(rows)}
    figure, panels = plt.subplots(1, len(parts), figsize=(4.8 * len(parts), 3.8), squeeze=False, layout="constrained")
    for panel, (part, rows) in zip(panels[0], parts.items(), strict=True):
        for name, points in series(rows).items():
            panel.plot(*zip(*points, strict=True), marker="o", markersize=3, label=name)
        alone = next(row["ratio"] for row in rows if row["contender"] == "its convolutions")
        panel.axhline(alone, color="black", linestyle=":", label="its convolutions alone")
        panel.set_xscale("log", base=2)
        panel.xaxis.set_major_formatter("{x:.0f}")
        panel.set(title=part, xlabel="time steps T", ylabel="time over T x the ANN's", ylim=(0, None))
        panel.grid(alpha=0.3)
    panels[0][0].legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Print the tables and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    results = json.loads(given.results.read_text())["results"]
    for part, rows in results.items():
        print(table(part, rows), end="\n\n")
    if given.picture:
        picture(results, given.picture)


if __name__ == "__main__":
    main()
