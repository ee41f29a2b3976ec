"""Pages from templates: every text is escaped but our own pictures, which hold no text from any file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from snnconv.reporting.names import shortened

__all__ = ["Picture", "render"]


@dataclass(frozen=True)
class Picture:
    """A picture on a page: an `<svg>` element of our own making, and its caption."""

    svg: str
    caption: str


def render(template: str, view: dict[str, Any]) -> str:
    """Return one page as HTML.

    Args:
        template: File name of the template.
        view: Values that the template shows, by name; every text in them is escaped.
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
