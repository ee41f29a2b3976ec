"""Names that are looked up when they are needed: choices and help texts that plug-ins may add to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

__all__ = ["DATA_HELP", "DataOption", "NameChoice", "data_help"]

DATA_HELP = "{data}"  # its place in the help of a DataOption is taken by `data_help()`


class NameChoice(click.Choice):  # type: ignore[type-arg]  # older versions of click have no type argument here
    """Choice of names that are not known before they are needed.

    Args:
        names: Function that lists the names.
    """

    def __init__(self, names: Callable[[], Iterable[str]]) -> None:
        self._names = names
        super().__init__(())

    def _listed(self) -> tuple[str, ...]:
        return tuple(self._names())

    def _ignore(self, _: object) -> None:
        """Ignore the names that the base class sets."""

    choices: Any = property(_listed, _ignore)


class DataOption(click.Option):
    """Option for a data spec, whose help names every scheme that there is when it is shown."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the names of the option and its help."""
        record = super().get_help_record(ctx)
        return None if record is None else (record[0], record[1].replace(DATA_HELP, data_help()))


def data_help() -> str:
    """Return the forms of data specs in words."""
    from snnconv.data.scheme import ordered_schemes

    *forms, last = (scheme.form for scheme in ordered_schemes().values())
    return f"{', '.join(forms)} or {last}; a slice may follow, as in npz:a.npz[0:1024]"
