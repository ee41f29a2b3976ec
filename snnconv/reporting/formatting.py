"""Numbers as a reader sees them, and the words that a page explains."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["GLOSSARY", "energy", "number", "percent", "points", "share", "span", "with_article"]

GLOSSARY: tuple[tuple[str, str], ...] = (
    ("site", "An activation of the network that became a layer of neurons, or can become one."),
    (
        "T, L, N",
        "T time steps, L levels that a neuron can fire in one step, and N = L x T: as many answers above zero as "
        "a neuron has over its window. Only all three together say what a figure belongs to.",
    ),
    (
        "mean coupling",
        "A neuron sees the mean of its whole window before it fires. The network equals its quantized form exactly, "
        "and every layer waits T steps for the layer before it.",
    ),
    (
        "causal coupling",
        "A neuron fires at step t of what has come up to step t, as a streaming chip does. Nothing waits; spikes that "
        "come unevenly cost accuracy.",
    ),
    ("ceiling λ, threshold θ", "The largest activation that a site can put out, and what one level is worth: θ = λ/L."),
    ("clipping", "What the plain activation has above the ceiling, as a share of the mean activation."),
    ("quantization", "What is lost between two levels, θ/T apart."),
    (
        "unevenness",
        "What neurons fire otherwise than the quantized activation of their mean current would: spikes that come early "
        "or late, a leak, a reset, learned coupling.",
    ),
    (
        "membrane potential u",
        "Before firing, in units of θ and shifted so that level k is fired from k - 1/2 to k + 1/2. RMP-Loss draws it "
        "to the spike values 0, 1, … L, and MPR bends it towards them in training.",
    ),
    ("silent, saturated", "Neurons that fire nothing in a whole window, and those that fire all N levels."),
    (
        "energy",
        "An estimate from counted operations, not a measurement. One spike of level k counts k additions wherever it "
        "lands.",
    ),
)


def number(value: float | None, digits: int = 4) -> str | None:
    """Digits that matter, thousands apart.

    >>> number(41216000.0), number(0.012345), number(None)
    ('41,216,000', '0.01235', None)
    """
    if value is None:
        return None
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def percent(value: float | None) -> str | None:
    """Of a number in percent."""
    return None if value is None else f"{value:.2f} %"


def points(value: float | None, than: float | None) -> str | None:
    """How a percentage compares with another network's.

    >>> points(91.0, 92.5), points(91.0, 91.0)
    ("1.50 points below that network's", "that network's own")
    """
    if value is None or than is None:
        return None
    if round(value - than, 2) == 0:
        return "that network's own"
    return f"{abs(value - than):.2f} points {'above' if value > than else 'below'} that network's"


def share(value: float | None) -> str | None:
    """A share as percent.

    >>> share(0.12345), share(1e-7), share(0.0)
    ('12.35 %', '< 0.01 %', '0 %')
    """
    if value is None:
        return None
    if value == 0:
        return "0 %"
    return f"{100 * value:.2f} %" if value >= 5e-5 else "< 0.01 %"


def energy(value_pj: float | None) -> str | None:
    """Picojoules in a unit that suits them.

    >>> energy(12_345_678.0), energy(532.0)
    ('12.35 µJ', '532 pJ')
    """
    if value_pj is None:
        return None
    for unit, size in (("mJ", 1e9), ("µJ", 1e6), ("nJ", 1e3)):
        if value_pj >= size:
            return f"{value_pj / size:.4g} {unit}"
    return f"{value_pj:.3g} pJ"


def span(values: Sequence[float | int] | None) -> str | None:
    """The least and the most, or the one value that both are.

    >>> span((8, 8)), span((8, 32))
    ('8', '8 to 32')
    """
    if values is None:
        return None
    least, most = number(values[0]), number(values[1])
    return least if least == most else f"{least} to {most}"


def with_article(noun: str) -> str:
    """Return "an image" or "a sample".

    >>> with_article("image"), with_article("sample")
    ('an image', 'a sample')
    """
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
