"""What `snnconv export` asks of a target, whatever the target is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snnconv.cli.output import print_output_errors, print_table

if TYPE_CHECKING:
    from snnconv.evaluation import Score

__all__ = ["ExportRequest", "Target", "print_comparison"]


@dataclass(frozen=True)
class ExportRequest:
    """One call of `snnconv export`.

    Attributes:
        file: the network's.
        target: the format's name.
        data: to compare on, a data spec; None: do not compare.
        limit: compare the first so many images; None: all.
        output: where to write; None: a name made of the network's.
        as_json: print JSON.
        options: those of the targets, and `input_options`, by name.
    """

    file: str
    target: str
    data: str | None
    limit: int | None
    output: Path | None
    as_json: bool
    options: dict[str, Any]


@dataclass(frozen=True)
class Target:
    """A format that a network is written in.

    Attributes:
        options: names of the options that mean something to it, beside those of every target.
        write: does it, and prints what was done.
    """

    options: frozenset[str]
    write: Callable[[ExportRequest], None]


def print_comparison(found: Score, noun: str, title: str, written: str) -> None:
    """Print how what was written compares with the network.

    Args:
        found: the comparison.
        noun: word for one input, `InputSpec.noun`.
        title: title of the table.
        written: what the written network is called.
    """
    if found.agreement is not None:
        rows = [(f"{noun}s", str(found.images)), ("same arg-max", f"{found.agreement:.2f} %")]
        if found.accuracy is not None:
            rows += [
                (f"accuracy of {written}", f"{found.accuracy:.2f} %"),
                ("of FILE", f"{found.against_accuracy:.2f} %"),
            ]
        print_table(title, ("", ""), rows)
    if found.output_errors:
        print_output_errors(f"{title}: errors of the outputs over {found.images} {noun}s", found.output_errors)
