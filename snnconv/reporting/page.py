"""Templates: every text is escaped but our own pictures, which hold no text from any file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

__all__ = ["Figure", "render", "shortened"]


@dataclass(frozen=True)
class Figure:
    """A picture, `<svg>` of our own making, and what stands below it."""

    svg: str
    caption: str


def render(template: str, view: dict[str, Any]) -> str:
    """One page.

    Args:
        template: the name of its file.
        view: what it shows; every text in it is escaped.
    """
    return _environment().get_template(template).render(version=version("snnconv"), **view)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("snnconv.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shortened"] = shortened
    return environment


def shortened(text: str, length: int) -> str:
    """A text of at most so many characters, the middle of a longer one left out.

    >>> shortened("abcdefghij", 5)
    'ab…ij'
    """
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[: length - 1 - half]}…{text[-half:]}"
