"""Table and picture of what `benchmarks.conversion` measured.

    python -m benchmarks.conversion_plot benchmarks/results/conversion.json --pictures docs/img

The tables go to standard output, in Markdown; a picture shows agreement against T, and against N = L*T.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def best_read_out(rows: Sequence[Row]) -> list[Row]:
    """Of rows that differ only in the step from which the output is read, the one that agrees best.

    That favours the tool that offers a choice: it is chosen on the test images.
    """
    best: dict[tuple[str, str, int], Row] = {}
    for row in rows:
        if "refused" in row:
            continue
        key = (row["network"], row["method"], row["timesteps"])
        if key not in best or row["agreement"] > best[key]["agreement"]:
            best[key] = row
    return list(best.values())


def table(rows: Sequence[Row], network: str) -> str:
    """One line a method, one column a T: agreement and accuracy in %, N where it is not T; then what was refused."""
    own = [row for row in best_read_out(rows) if row["network"] == network]
    steps = sorted({row["timesteps"] for row in own})
    lines = [
        f"| {network} | images | L | " + " | ".join(f"T={count}" for count in steps) + " | conversion | memory |",
        "|---" * (len(steps) + 5) + "|",
    ]
    for name in dict.fromkeys(row["method"] for row in own):
        found = {row["timesteps"]: row for row in own if row["method"] == name}
        first = next(iter(found.values()))
        cells = " | ".join(_cell(found[count]) if count in found else "" for count in steps)
        seconds = sorted(row["convert_s"] for row in found.values())
        memory = max(row["convert_peak_mb"] for row in found.values())
        costs = f"{seconds[len(seconds) // 2]:.0f} s | {memory:.0f} MB"
        lines.append(f"| {name} | {first['images']} | {first['levels'] or ''} | {cells} | {costs} |")
    refused = [
        f'* {row["method"]}, {network}: refused, "{row["refused"]}"'
        for row in rows
        if row["network"] == network and "refused" in row
    ]
    return "\n".join([*(lines if own else []), *([""] if own and refused else []), *refused])


def _cell(row: Row) -> str:
    total = "" if row["total_levels"] in (None, row["timesteps"]) else f" (N={row['total_levels']})"
    accuracy = f" / {row['accuracy']:.1f}" if "accuracy" in row else ""
    return f"{row['agreement']:.1f}{accuracy}{total}"


def picture(rows: Sequence[Row], network: str, path: Path) -> None:
    """Agreement against T at the left, against N at the right; messages of a power of two have no N."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = network  # the same figures make the same file
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(10, 4.2), sharey=True, layout="constrained")
    own = [row for row in best_read_out(rows) if row["network"] == network]
    for panel, key, label in zip(
        panels, ("timesteps", "total_levels"), ("time steps T", "levels N = L·T"), strict=True
    ):
        for index, name in enumerate(dict.fromkeys(row["method"] for row in own)):
            points = sorted((row[key], row["agreement"]) for row in own if row["method"] == name and row[key])
            if not points:  # messages of a power of two have no levels
                continue
            style = "-" if name.startswith("ours") else "--"
            panel.plot(*zip(*points, strict=True), style, marker="o", markersize=3, color=f"C{index}", label=name)
        panel.set_xscale("log", base=2)
        panel.xaxis.set_major_formatter("{x:.0f}")
        panel.set_xlabel(label)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("same class as the ANN, %")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Print the tables and draw the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+", help="files of benchmarks.conversion")
    parser.add_argument("--pictures", type=Path, help="folder to draw in")
    given = parser.parse_args()
    rows = [row for path in given.results for row in json.loads(path.read_text())["rows"]]
    for network in dict.fromkeys(row["network"] for row in rows):
        print(table(rows, network), end="\n\n")
        if given.pictures and any(row["network"] == network and "refused" not in row for row in rows):
            picture(rows, network, given.pictures / f"conversion-{network}.svg")


if __name__ == "__main__":
    main()
