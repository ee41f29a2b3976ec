"""The picture of the README: how often ResNet-20's spiking form names the ANN's class, against T, beside SpikingJelly.

    python -m benchmarks.agreement_plot benchmarks/results/conversion-*.json --picture docs/img/agreement.svg

Nothing is measured: the figures are those of `benchmarks.conversion`, in docs/conversion.md as a table.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.conversion_plot import Row, best_read_out

NETWORK = "resnet20"
LINES: Mapping[str, dict[str, Any]] = {
    "ours, differential": {"label": "snnconv, differential coupling", "color": "#b0246b", "marker": "*"},
    "ours, mean, L=8": {"label": "snnconv, mean coupling, L=8", "color": "#0b6bb5", "marker": "o"},
    "ours, causal, L=4": {"label": "snnconv, causal coupling, L=4", "color": "#1a8f5a", "marker": "s"},
    "ours, differential, uniform, L=1": {
        "label": "snnconv, differential coupling, uniform code, L=1",
        "color": "#b08a24",
        "marker": "P",
    },
    "ours, causal, L=1": {"label": "snnconv, causal coupling, L=1", "color": "#7a56b3", "marker": "^"},
    "SpikingJelly, rate coding, 99.9 % a channel": {
        "label": "SpikingJelly, rate coding, L=1",
        "color": "#c2571a",
        "marker": "D",
        "linestyle": "--",
    },
    "SpikingJelly, LTB": {
        "label": "SpikingJelly, LTB, L=1, images shown once",
        "color": "#5f6b6d",
        "marker": "x",
        "linestyle": "--",
    },
    "SpikingJelly, LTB, images shown 50 times": {
        "label": "SpikingJelly, LTB, L=1, images shown 50 times",
        "color": "#a3948a",
        "marker": "v",
        "linestyle": "--",
    },
}


def curve(rows: Sequence[Row], method: str) -> list[tuple[int, float]]:
    """Return the time steps and the agreement (percent) of one method, by time steps."""
    points = [(row["timesteps"], row["agreement"]) for row in rows if row["method"] == method]
    if not points:
        raise SystemExit(f"no figures of '{method}' in these files: give those of both tools")
    return sorted(points)


def draw(rows: Sequence[Row], path: Path) -> None:
    """Write the picture of one network's rows."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = NETWORK  # the same figures make the same file
    import matplotlib.pyplot as plt

    figure, panel = plt.subplots(figsize=(8, 4.6), layout="constrained")
    for method, style in LINES.items():
        panel.plot(*zip(*curve(rows, method), strict=True), markersize=5, **style)
    panel.set_xscale("log", base=2)
    panel.xaxis.set_major_formatter("{x:.0f}")
    panel.set_ylim(0, 102)
    panel.set_xlabel("time steps T")
    panel.set_ylabel("same class as the ANN, % of the test images")
    panel.set_title("CIFAR-10 ResNet-20, converted without training", loc="left", fontsize="medium")
    panel.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Read the results of both tools, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+", help="files of benchmarks.conversion")
    parser.add_argument("--picture", type=Path, required=True, help="SVG file to write")
    options = parser.parse_args()
    rows = [row for path in options.results for row in json.loads(path.read_text())["rows"]]
    draw([row for row in best_read_out(rows) if row["network"] == NETWORK], options.picture)


if __name__ == "__main__":
    main()
