"""Accuracy against time steps, levels, coupling and energy: what to choose.

    python -m benchmarks.choosing ../shared --output benchmarks/results/choosing.json --picture docs/img/choosing.svg

ResNet-20 and ResNet-8 for CIFAR-10, calibrated with "bias" on 512 training images, tested on the 1,017 test images in
float32. Under mean coupling accuracy depends on N = L*T alone, so each N is measured once; so does energy, for as many
spikes are fired. Energy is an estimate by operations, of 64 images, over that of the ANN.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.progress import track

from benchmarks.cifar import TRAINED_MEAN, TRAINED_STD, test, training
from benchmarks.environment import environment

NETWORKS = {
    "ResNet-20": ("cifar10_resnet20.onnx", TRAINED_MEAN, TRAINED_STD),
    "ResNet-8": ("cifar10_resnet8_mlperftiny.onnx", (0.0,), (1 / 255,)),
}
IMAGES = 512
MEAN = [(1, levels) for levels in (2, 4, 8, 16, 32, 64)]
CAUSAL = {1: (4, 8, 16, 32), 2: (2, 4, 8, 16), 4: (1, 2, 4, 8), 8: (1, 2, 4), 16: (1, 2)}
MARKERS = {"mean": "o", 1: "s", 2: "^", 4: "D", 8: "v", 16: "P"}


@dataclass(frozen=True)
class Point:
    """One network, converted one way; accuracy and agreement in percent, energy over the ANN's."""

    network: str
    coupling: str
    timesteps: int
    levels: int
    accuracy: float
    agreement: float
    ann_accuracy: float
    energy_ratio: float
    sites: int


def ways() -> Iterator[tuple[str, int, int]]:
    """Coupling, T and L of every conversion."""
    for timesteps, levels in MEAN:
        yield "mean", timesteps, levels
    for levels, steps in CAUSAL.items():
        for timesteps in steps:
            yield "causal", timesteps, levels


def measure(shared: Path, name: str, coupling: str, timesteps: int, levels: int) -> Point:
    """Convert and evaluate."""
    import snnconv
    from snnconv.evaluation import ann_energy
    from snnconv.spiking.sites import iter_sites

    file, mean, std = NETWORKS[name]
    ann = snnconv.load(shared / "models" / file)
    ann.input = ann.input.override(mean=mean, std=std)
    snn = snnconv.convert(
        ann,
        timesteps=timesteps,
        levels=levels,
        coupling=coupling,
        calibration_data=training(shared),
        calibration_images=IMAGES,
        calibration="bias",
    )
    found = snnconv.evaluate(snn, test(shared), against=ann, precision="float32")
    assert found.accuracy is not None
    assert found.agreement is not None
    assert found.against_accuracy is not None
    assert found.operations is not None
    energy = found.operations.energy_pj_per_image / ann_energy(ann).energy_pj_per_image
    sites = len(list(iter_sites(snn.graph)))
    return Point(
        name, coupling, timesteps, levels, found.accuracy, found.agreement, found.against_accuracy, energy, sites
    )


def tables(points: Sequence[Point]) -> str:
    """Markdown, a table a network."""
    lines = []
    for name in dict.fromkeys(point.network for point in points):
        own = [point for point in points if point.network == name]
        lines += [f"| {name}, ANN {own[0].ann_accuracy:.1f} % | N | accuracy | same class as the ANN | energy / ANN |"]
        lines += ["|---|---|---|---|---|"]
        for p in own:
            way = "mean, any T and L of this N" if p.coupling == "mean" else f"causal, T={p.timesteps}, L={p.levels}"
            figures = f"{p.accuracy:.1f} % | {p.agreement:.1f} % | {p.energy_ratio:.2f}"
            lines.append(f"| {way} | {p.timesteps * p.levels} | {figures} |")
        lines.append("")
    return "\n".join(lines)


def picture(points: Sequence[Point], path: Path) -> None:
    """Accuracy against N and against energy, a row a network."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "choosing"  # the same figures make the same file
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(point.network for point in points))
    figure, panels = plt.subplots(len(names), 2, figsize=(9.6, 3.6 * len(names)), squeeze=False, layout="constrained")
    for row, name in zip(panels, names, strict=True):
        own = [point for point in points if point.network == name]
        series = {"mean coupling": [p for p in own if p.coupling == "mean"]}
        series |= {
            f"causal, L={levels}": [p for p in own if p.coupling == "causal" and p.levels == levels]
            for levels in CAUSAL
        }
        for (label, line), marker in zip(series.items(), MARKERS.values(), strict=True):
            style: dict[str, Any] = {"marker": marker, "markersize": 4, "label": label}
            style |= {"linewidth": 2} if label == "mean coupling" else {"linewidth": 1, "linestyle": "--"}
            row[0].plot([p.timesteps * p.levels for p in line], [p.accuracy for p in line], **style)
            row[1].plot([p.energy_ratio for p in line], [p.accuracy for p in line], **style)
        for panel, label in zip(row, ("total levels N = L*T", "estimated energy over the ANN's"), strict=True):
            panel.axhline(own[0].ann_accuracy, color="black", linestyle=":", linewidth=1)
            panel.set(title=name, xlabel=label, ylabel="accuracy, %", ylim=(40, 95))
            panel.grid(alpha=0.3)
        row[0].set_xscale("log", base=2)
        row[0].xaxis.set_major_formatter("{x:.0f}")
    panels[0][0].legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure, print the tables and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--output", type=Path)
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    chosen = [(name, *way) for name in given.only for way in ways()]
    points = [measure(given.shared, *way) for way in track(chosen, "converting")]
    print(tables(points))
    if given.picture:
        picture(points, given.picture)
    if given.output:
        report = {"environment": environment(), "points": [asdict(point) for point in points]}
        given.output.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
