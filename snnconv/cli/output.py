"""What the verbs print: tables and JSON on standard output, progress and warnings on standard error."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from snnconv.errors import SnnconvWarning

__all__ = ["print_json", "print_table", "show_warning", "track"]

T = TypeVar("T")

MIN_WIDTH = 110  # of a table that does not go to a terminal
QUIET_S = 10.0  # between two lines of progress that do not go to a terminal


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    """Show our warnings to the user in one line; those of libraries are not the user's concern."""
    if issubclass(category, SnnconvWarning):
        click.echo(f"warning: {message}", err=True)


def track(iterable: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """A progress bar with the time left, on standard error; where that is no terminal, a line now and then."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield from _plainly(iterable, description, total)
        return
    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield from progress.track(iterable, description=description, total=total)


def _plainly(iterable: Iterable[T], description: str, total: int | None) -> Iterator[T]:
    started = last = time.monotonic()
    for done, item in enumerate(iterable):
        now = time.monotonic()
        if done and now - last >= QUIET_S:
            left = f", about {(now - started) / done * (total - done):.0f} s left" if total else ""
            click.echo(f"{description}: {done}{f' of {total}' if total else ''}{left}", err=True)
            last = now
        yield item


def print_json(values: dict[str, Any]) -> None:
    """Print a JSON object."""
    click.echo(json.dumps(values, indent=2))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; the first column is text, the others are numbers."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, MIN_WIDTH))
    table = Table(title=title, title_justify="left", title_style="bold", pad_edge=False)
    for position, column in enumerate(columns):
        table.add_column(column, justify="right" if position else "left", overflow="fold")
    for row in rows:
        table.add_row(*("-" if cell is None else str(cell).replace("[", "\\[") for cell in row))
    console.print(table)
