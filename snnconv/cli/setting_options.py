"""Command-line options that are made of the fields of settings."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import Field
from typing import Any, Literal, TypeVar, get_args, get_origin

import click

from snnconv.cli.names import NameChoice
from snnconv.options import options_of, type_of

__all__ = ["option_type", "setting_options"]

Command = TypeVar("Command", bound=Callable[..., Any])


def setting_options(
    settings: type[Any],
    *,
    only: Container[str] | None = None,
    without: Container[str] = (),
    unset: bool = False,
) -> Callable[[Command], Command]:
    """Return a decorator that adds an option to a command for each field of settings that has a help text.

    Args:
        settings: Settings class, whose defaults are the options'.
        only: Names of the fields that get an option; by default all.
        without: Names of fields that get none.
        unset: True for options that are None where the user leaves them out; the help still tells their defaults.
    """
    fields = options_of(settings).items()
    chosen = [(name, field) for name, field in fields if (only is None or name in only) and name not in without]

    def decorate(command: Command) -> Command:
        for name, field in reversed(chosen):
            command = _option(settings, name, field, unset)(command)
        return command

    return decorate


def _option(settings: type[Any], name: str, field: Field[Any], unset: bool) -> Callable[[Command], Command]:
    """Return the decorator of one option.

    Args:
        settings: Settings class of the field.
        name: Name of the field.
        field: Field of the option.
        unset: True for a default of None.
    """
    facts, hint = field.metadata, type_of(settings, name)
    names = facts["names"] or (f"--{name.replace('_', '-')}",)
    default = None if unset and hint is not bool else field.default
    otherwise = facts["otherwise"] or (field.default if default != field.default else None)
    text = facts["help"] if otherwise is None else f"{facts['help']}  [default: {otherwise}]"
    if hint is bool:
        shown = any("/" in flag for flag in names)  # a flag without an opposite is off by default
        return click.option(*names, name, is_flag=True, default=default, show_default=shown, help=text)
    kind, word = option_type(field, hint)
    return click.option(
        *names,
        name,
        type=kind,
        metavar=facts["metavar"] or word,
        default=default,
        show_default=default is not None,
        help=text,
    )


def option_type(field: Field[Any], hint: Any) -> tuple[click.ParamType[Any], str | None]:
    """Return the type of an option and the word for its value in the help.

    Args:
        field: Field of settings that the option sets.
        hint: Type of the field without its None.
    """
    if get_origin(hint) is Literal:
        return click.Choice(list(get_args(hint))), None
    facts = field.metadata
    if hint is str:
        return (click.STRING if facts["choices"] is None else NameChoice(facts["choices"])), None
    least, most, above, below = (facts[key] for key in ("least", "most", "above", "below"))
    if hint is int:
        return click.IntRange(least, most if below is None else below - 1), "N"
    lowest, highest = (least if above is None else above), (most if below is None else below)
    return click.FloatRange(lowest, highest, above is not None, below is not None), "FLOAT"
