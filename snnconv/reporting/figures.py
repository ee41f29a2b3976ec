"""The pictures of curves and of energy.

No text in a report's pictures comes from a file: layers and sites are numbers, and the page's tables name them. Series
differ by colour, and by marker, line or hatching too. Colours are those of Okabe and Ito (2008), which people of any
colour vision tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from snnconv.reporting.formatting import with_article
from snnconv.reporting.numbers import Curve, LayerCost
from snnconv.reporting.svg import INK, WIDE, drawing, to_svg

__all__ = ["curves_figure", "energy_figure"]

COLOURS = {"mean": INK["one"], "causal": INK["two"], "learned": INK["three"], "differential": INK["five"]}
MARKERS = {"mean": "o", "causal": "s", "learned": "^", "differential": "v"}
LINES: dict[str, str | tuple[float, Sequence[float]]] = {
    "mean": "-",
    "causal": "--",
    "learned": "-.",
    "differential": (0, (4, 1, 1, 1, 1, 1)),
}
MOST_TICKS = 12
LABELS = {
    "accuracy_at": "accuracy",
    "agreement_at": "same arg-max",
    "settled_at": "settled",
    "relative_error_at": "relative error",
}

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


def curves_figure(curves: Sequence[Curve], quantity: str, level: float | None, level_name: str) -> str:
    """Draw accuracy, agreement, settled predictions or errors after each step, in percent, as SVG.

    Args:
        curves: Curves of the couplings; those without this quantity are left out.
        quantity: `accuracy_at`, `agreement_at`, `settled_at` or `relative_error_at`.
        level: Value of the other network, a horizontal line, or None.
        level_name: Words for that line in the legend.
    """
    label = LABELS[quantity]
    drawn = [(curve, getattr(curve, quantity)) for curve in curves if getattr(curve, quantity) is not None]
    with drawing(*WIDE) as figure:
        axes = figure.subplots()
        for curve, values in drawn:
            _plot(axes, curve, values)
        if level is not None:
            axes.axhline(level, color=INK["muted"], linestyle=":", label=level_name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="after step t", ylabel=f"{label}, %")
        axes.margins(y=0.12)
        axes.legend(loc="best")
        description = "; ".join(f"{curve.coupling} coupling: {_listed(values)} %" for curve, values in drawn)
        return to_svg(figure, f"curve-{quantity[:-3]}", f"{label} after each time step", description)


def _plot(axes: Axes, curve: Curve, values: Sequence[float]) -> None:
    axes.plot(
        range(1, len(values) + 1),
        values,
        label=f"{curve.coupling} coupling{' (this network)' if curve.native else ''}",
        color=COLOURS[curve.coupling],
        marker=MARKERS[curve.coupling],
        linestyle=LINES[curve.coupling],
        linewidth=2.2 if curve.native else 1.4,
    )


def _listed(values: Sequence[float]) -> str:
    shown = [f"{value:.2f}" for value in values]
    return ", ".join(shown if len(shown) <= 8 else [*shown[:4], "…", *shown[-3:]])


def energy_figure(layers: Sequence[LayerCost], noun: str = "image") -> str:
    """Draw the energy of every layer that has any, beside that of the same layer in the plain network, as SVG."""
    costly = [(place, layer) for place, layer in enumerate(layers, 1) if layer.energy_pj or layer.ann_energy_pj]
    network = np.array([(layer.energy_pj or 0.0) / 1e6 for _, layer in costly])
    plain = np.array([(layer.ann_energy_pj or 0.0) / 1e6 for _, layer in costly])
    with drawing(*WIDE) as figure:
        axes = figure.subplots()
        places = _energy_bars(axes, network, plain)
        axes.set(xlabel="layer", ylabel=f"µJ {with_article(noun)}")
        shown = places[:: max(1, -(-len(costly) // MOST_TICKS))]
        axes.set_xticks(shown, [str(costly[place][0]) for place in shown])
        axes.grid(axis="x", visible=False)
        most = int(network.argmax())
        description = (
            f"Estimated energy of {len(costly)} of {len(layers)} layers, the others have none; most in layer "
            f"{costly[most][0]}: {network[most]:.4g} µJ {with_article(noun)}."
        )
        return to_svg(figure, "energy", "Estimated energy of every layer", description)


def _energy_bars(axes: Axes, network: Floats, plain: Floats) -> Places:
    """Draw a bar for each layer, and one for the plain network's where it costs anything; return the layers' places."""
    places = np.arange(len(network))
    if not plain.any():
        axes.bar(places, network, 0.8, label="this network", color=INK["one"])
        return places
    width = 0.42
    axes.bar(places - width / 2, network, width, label="this network", color=INK["one"])
    axes.bar(
        places + width / 2,
        plain,
        width,
        label="plain network",
        color=INK["two"],
        hatch="////",
        edgecolor=INK["paper"],
        linewidth=0.3,
    )
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.19), ncols=2)
    return places
