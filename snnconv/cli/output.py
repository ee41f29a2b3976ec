"""Output of the verbs: tables and JSON on standard output, progress and warnings on standard error."""

from __future__ import annotations

import codecs
import io
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from snnconv.errors import SnnconvWarning

if TYPE_CHECKING:
    from snnconv.evaluation import OutputError

__all__ = [
    "accept_any_terminal",
    "filled_columns",
    "print_error",
    "print_json",
    "print_line",
    "print_output_errors",
    "print_table",
    "show_warning",
    "track",
]

T = TypeVar("T")

MIN_WIDTH = 110  # characters of a table that does not go to a terminal
QUIET_S = 10.0  # seconds between two lines of progress that do not go to a terminal
PLAIN = {"±": "+-", "µ": "u", "…": "."}  # characters of a terminal that lacks the others


def accept_any_terminal() -> None:
    """Write what a terminal's encoding lacks in another way, rather than fail."""
    codecs.register_error("snnconv", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="snnconv")


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeEncodeError) and error.object[error.start] in PLAIN:
        return PLAIN[error.object[error.start]], error.start + 1
    return codecs.backslashreplace_errors(error)


def _visible(text: str) -> str:
    """Return a text whose control characters are shown, not obeyed: names come from files."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    """Show one of our warnings in one line; those of libraries, and of launched processes but the first, are silent."""
    if issubclass(category, SnnconvWarning) and os.environ.get("RANK", "0") == "0":
        click.echo(f"warning: {_visible(' '.join(str(message).split()))}", err=True)


def track(iterable: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield items under a progress bar with rate and time left, on standard error; without a terminal, print lines.

    Args:
        iterable: Items to pass on.
        description: Words before the bar.
        total: Number of items, or None where it is not known.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    class RateColumn(ProgressColumn):
        """A column of items a second."""

        def render(self, task: Task) -> str:
            return "" if task.speed is None else f"{task.speed:.3g}/s"

    console = Console(stderr=True)
    if not console.is_terminal:
        yield from _plainly(iterable, description, total)
        return
    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
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
            rate = done / (now - started)
            left = f", about {(total - done) / rate:.0f} s left" if total else ""
            click.echo(f"{description}: {done}{f' of {total}' if total else ''}, {rate:.3g}/s{left}", err=True)
            last = now
        yield item


def print_error(message: str) -> None:
    """Print an error, which may have several lines, on standard error."""
    click.echo("\n".join(_visible(line) for line in f"error: {message}".split("\n")), err=True)


def print_json(values: dict[str, Any]) -> None:
    """Print a JSON object, in which every number is finite."""
    click.echo(json.dumps(values, indent=2, allow_nan=False))


def print_line(text: str) -> None:
    """Print a line."""
    click.echo(_visible(text))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a title and a table; the first column is text, the others are numbers."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, MIN_WIDTH))
    table = Table(pad_edge=False, show_header=any(columns))
    for position, column in enumerate(columns):
        table.add_column(column, justify="right" if position else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text("-" if cell is None else _visible(str(cell))) for cell in row))
    console.print(Text(_visible(title), style="bold"), soft_wrap=True)
    console.print(table)


def print_output_errors(title: str, errors: Iterable[OutputError]) -> None:
    """Print the distance of outputs from those of another network."""
    print_table(
        title,
        ("output", "shape", "relative L2 error", "correlation", "largest difference"),
        [
            (
                error.name,
                "x".join(map(str, error.shape)) or "1",
                None if error.relative_error is None else f"{100 * error.relative_error:.3g} %",
                None if error.correlation is None else f"{error.correlation:.5f}",
                f"{error.largest_difference:.3g}",
            )
            for error in errors
        ],
    )


def filled_columns(
    columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Return a table without the columns in which every cell is None; a table without rows stays as it is.

    >>> filled_columns(("site", "N"), [("relu1", None), ("relu2", None)])
    (('site',), [('relu1',), ('relu2',)])
    """
    table = [tuple(row) for row in rows]
    places = [at for at in range(len(columns)) if not table or any(row[at] is not None for row in table)]
    return tuple(columns[at] for at in places), [tuple(row[at] for at in places) for row in table]
