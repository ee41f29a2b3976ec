"""Figures of matplotlib as SVG inside of a page: they take the page's colours, in light and in dark.

Figures are drawn in the colours of `INK`, each of which stands for a variable of the page's style sheet; texts stay
texts, in the page's own type. Names of parts are made unique by the figure's own name, so that many figures can share a
page, and the same figure gives the same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

__all__ = ["INK", "SMALL", "WIDE", "drawing", "to_svg"]

WIDE, SMALL = (4.2, 2.7), (3.3, 2.1)  # width and height of pictures, in inches

INK = {
    "text": "#010101",
    "muted": "#020202",
    "grid": "#030303",
    "paper": "#040404",
    "one": "#050505",
    "two": "#060606",
    "three": "#070707",
    "four": "#080808",
    "five": "#090909",
}
"""Colours to draw in, by the names of the variables that they become: `--text`, `--one`, ..."""

STYLE: Any = {  # its names are a type of their own in some versions of matplotlib
    "svg.fonttype": "none",
    "font.size": 9,
    "text.color": INK["text"],
    "axes.labelcolor": INK["text"],
    "axes.edgecolor": INK["muted"],
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.useoffset": False,
    "figure.facecolor": "none",
    "figure.constrained_layout.use": True,
    "grid.color": INK["grid"],
    "grid.linewidth": 0.6,
    "hatch.color": INK["paper"],
    "hatch.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "xtick.color": INK["muted"],
    "xtick.labelcolor": INK["text"],
    "ytick.color": INK["muted"],
    "ytick.labelcolor": INK["text"],
    "text.parse_math": False,
    "path.simplify": False,
}
UNUSED = re.compile(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", re.S)
FONT = re.compile(r"font: (?:(\w+) )?([\d.]+)px [^;\"]*")  # all in one, as some versions of matplotlib write it
FAMILY = re.compile(r"font-family: [^;\"]*;? ?")
NAMES = re.compile(r' id="([^"]*)"')
USES = re.compile(r'(url\(#|href="#)([^")]*)')


@contextmanager
def drawing(width: float, height: float) -> Iterator[Figure]:
    """Yield a figure in the page's style, and leave the settings of matplotlib as they were.

    Args:
        width: Width of the figure, in inches.
        height: Height of the figure, in inches.
    """
    with mpl.rc_context(), mpl.rc_context(STYLE):
        yield Figure(figsize=(width, height))


def to_svg(figure: Figure, name: str, title: str, description: str) -> str:
    """Return a figure as one `<svg>` element.

    Args:
        figure: Figure in the colours of `INK`, drawn within `drawing`.
        name: Name that is unique on the page: letters, digits and hyphens.
        title: Title of the picture, for readers who cannot see it.
        description: Sentence on the content of the picture, for the same readers.
    """
    file = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = _with_unique_names(_with_page_style(text[text.index("<svg") :]), name)
    text = re.sub(r"\s*\n\s*", "\n", text).replace("xlink:href", "href")
    head, body = text.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', head)
    assert box is not None
    labels = f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
    opening = f'<svg {box[0]} role="img" aria-labelledby="{name}-title {name}-desc">'
    return f"{opening}{labels}{body.strip()}"


def _with_page_style(text: str) -> str:
    """Return an SVG that takes its font and colours from the page."""
    text = UNUSED.sub("", text)
    text = FONT.sub(lambda font: f"font-weight: {font[1] or 'normal'}; font-size: {font[2]}px", text)
    text = FAMILY.sub("", text)
    for variable, colour in INK.items():
        text = text.replace(colour, f"var(--{variable})")
    return text


def _with_unique_names(text: str, prefix: str) -> str:
    """Return an SVG whose parts have a prefix in their names; a name that nothing refers to goes."""
    used = {use[1] for use in USES.findall(text)}
    text = NAMES.sub(lambda part: f' id="{prefix}-{part[1]}"' if part[1] in used else "", text)
    return USES.sub(lambda use: f"{use[1]}{prefix}-{use[2]}", text)
