"""The picture of docs/coupling.md: four neurons, one a coupling and code, on the same input current.

    python -m benchmarks.coupling_plot

Nothing is measured. The neurons are the package's own functions, and their figures are printed.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch
from matplotlib.axes import Axes
from torch import Tensor

from benchmarks.pictures import standalone
from snnconv.neurons.bipolar import bipolar_multithreshold
from snnconv.neurons.coupling import Coupling
from snnconv.neurons.mht import multithreshold
from snnconv.neurons.sigma_delta import sigma_delta
from snnconv.reporting.svg import INK, drawing, to_svg

CURRENT = torch.tensor([1.2, 1.2, 0.6, -0.6, -0.8, -0.4])
TIMESTEPS = len(CURRENT)
LEVELS, CEILING = 2, 1.0
THRESHOLD = torch.tensor(CEILING / LEVELS)
LARGEST_MESSAGE, OCTAVES = torch.tensor(0.9), 5
WIDTH, HEIGHT = 5.6, 7.2  # inches


@dataclass(frozen=True)
class Neuron:
    """One neuron on the current of the picture.

    Attributes:
        title: Name of the coupling, and of its code.
        sent: Message of each of its steps.
        known: Value that its readers know after each of its steps.
        start: Number of steps that it waits before its first.
    """

    title: str
    sent: Tensor
    known: Tensor
    start: int = 0


def means_so_far(currents: Tensor) -> Tensor:
    """Return the mean of the first t of T currents, for every t."""
    return currents.cumsum(0) / torch.arange(1, len(currents) + 1)


def neurons() -> list[Neuron]:
    """Run the current through one neuron of each coupling and code."""
    waiting = multithreshold(CURRENT, THRESHOLD, LEVELS, coupling=Coupling.MEAN)
    causal = multithreshold(CURRENT, THRESHOLD, LEVELS, coupling=Coupling.CAUSAL)
    told = means_so_far(CURRENT)
    uniform = bipolar_multithreshold(told, THRESHOLD, LEVELS)
    sums = uniform * torch.arange(1, TIMESTEPS + 1)
    powers = sigma_delta(told, LARGEST_MESSAGE, OCTAVES)
    return [
        Neuron("mean: waits for the whole window, then fires", waiting, means_so_far(waiting), TIMESTEPS),
        Neuron("causal: fires at once, takes nothing back", causal, means_so_far(causal)),
        Neuron(
            "differential, uniform: fires levels, takes levels back",
            torch.diff(sums, prepend=sums.new_zeros(1)),
            uniform,
        ),
        Neuron(
            "differential, power-of-two: tells changes of its value",
            torch.diff(powers, prepend=powers.new_zeros(1)),
            powers,
        ),
    ]


def draw_current(axes: Axes) -> None:
    """Draw the current of each step and its mean so far."""
    steps = range(1, TIMESTEPS + 1)
    axes.bar(steps, CURRENT.tolist(), 0.6, color=INK["muted"], alpha=0.45, label="current of the step")
    axes.plot(steps, means_so_far(CURRENT).tolist(), color=INK["text"], marker=".", label="mean of the steps so far")
    axes.set_title("the input of all four", loc="left", fontsize=9)


def draw_neuron(axes: Axes, neuron: Neuron) -> None:
    """Draw the messages of one neuron, and what its readers know."""
    steps = [neuron.start + step for step in range(1, TIMESTEPS + 1)]
    bars = axes.bar(steps, neuron.sent.tolist(), 0.6, color=INK["one"], label="sent in the step (hatched: taken back)")
    for bar, message in zip(bars, neuron.sent.tolist(), strict=True):
        if message < 0:
            bar.set(facecolor=INK["two"], hatch="////", edgecolor=INK["paper"])
    axes.plot(steps, neuron.known.tolist(), color=INK["text"], marker="o", markersize=4, label="known to its readers")
    if neuron.start:
        axes.axvspan(0.5, neuron.start + 0.5, color=INK["muted"], alpha=0.15, linewidth=0)
        axes.text(neuron.start / 2 + 0.5, 0.6, "waits for its window", ha="center", color=INK["text"], fontsize=9)
    place, height = (9.5, 0.75) if neuron.start else (steps[-1] + 0.5, neuron.known[-1].item() + 0.12)
    axes.text(place, height, f"ends at {neuron.known[-1]:.2f}", color=INK["text"], fontsize=9)
    axes.set_title(neuron.title, loc="left", fontsize=9)


def draw() -> str:
    """Return the picture as SVG."""
    shown = neurons()
    target = CURRENT.mean().clamp(min=0).item()
    with drawing(WIDTH, HEIGHT) as figure:
        panels = figure.subplots(len(shown) + 1, 1, sharex=True, sharey=True)
        draw_current(panels[0])
        for axes, neuron in zip(panels[1:], shown, strict=True):
            draw_neuron(axes, neuron)
        for axes in panels:
            axes.axhline(target, color=INK["muted"], linestyle=":", label=f"the ANN's activation, {target:.1f}")
            axes.axhline(0, color=INK["muted"], linewidth=0.8)
            axes.set_xticks(range(1, 2 * TIMESTEPS + 1))
        entries = {
            label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=2, fontsize=9)
        panels[-1].set_xlabel("time step")
        ends = "; ".join(f"{neuron.title}, ends at {neuron.known[-1]:.2f}" for neuron in shown)
        description = f"The current's mean is {target:.1f}, the ANN's activation. {ends}."
        return to_svg(figure, "coupling", "Neurons of three couplings on the same current", description)


def main() -> None:
    """Write the picture, and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", type=Path, default=Path("docs/img/coupling.svg"))
    options = parser.parse_args()
    for neuron in neurons():
        print(neuron.title, "| sent", neuron.sent.tolist(), "| known", neuron.known.tolist())
    options.picture.write_text(standalone(draw()), encoding="utf-8")


if __name__ == "__main__":
    main()
