"""The options of `snnconv export` that are made of the settings of its formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields
from typing import Any

import click

from snnconv.cli.setting_options import option_type
from snnconv.errors import InvalidValueError
from snnconv.formats import ExportFormat, ordered_formats
from snnconv.options import type_of

__all__ = ["ExportCommand", "option_names", "settings_of"]


class ExportCommand(click.Command):
    """Command with the options of all formats that are registered when it is called, behind those of its own.

    Args:
        name: Name of the command.
        params: Parameters of its own; the options of formats stand behind the first.
        kwargs: Other arguments of `click.Command`.
    """

    def __init__(self, name: str | None, *, params: list[click.Parameter], **kwargs: Any) -> None:
        super().__init__(name, params=params, **kwargs)
        self._own_params = list(params)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Return a context that knows the formats of now.

        Raises:
            InvalidValueError: A format has a setting with the name of an option of the command.
        """
        self._add_formats()
        return super().make_context(*args, **kwargs)

    def _add_formats(self) -> None:
        first, *others = self._own_params
        options = _setting_options()
        taken = {parameter.name for parameter in self._own_params} & {option.name for option in options}
        if taken:
            raise InvalidValueError(
                f"An export format has the settings {', '.join(sorted(map(str, taken)))}, which are options of export "
                "itself: name them otherwise in the format."
            )
        self.params = [first, _format_option(), *options, *others]


def option_names(export_format: type[ExportFormat[Any]]) -> frozenset[str]:
    """Return the names of a format's settings, which are those of its options."""
    return frozenset(field.name for field in fields(export_format.settings))


def settings_of(export_format: type[ExportFormat[Any]], options: Mapping[str, Any]) -> Any:
    """Return a format's settings of the values of its options; what is left out has its default."""
    names = option_names(export_format)
    return export_format.settings(**{name: options[name] for name in sorted(names) if options[name] is not None})


def _format_option() -> click.Option:
    choices = click.Choice(list(ordered_formats()))
    return click.Option(["--to", "target"], type=choices, default="onnx", show_default=True, help="Format.")


def _setting_options() -> list[click.Option]:
    """Return an option for each setting of each format; one of several formats stands there once."""
    options: dict[str, click.Option] = {}
    for name, export_format in ordered_formats().items():
        for field in fields(export_format.settings):
            options.setdefault(field.name, _option(name, field, type_of(export_format.settings, field.name)))
    return list(options.values())


def _option(format_name: str, field: Field[Any], hint: Any) -> click.Option:
    """Return the option of one setting.

    Args:
        format_name: Name of the first format that has it.
        field: Field of the format's settings.
        hint: Type of the field without its None.
    """
    text, flag = f"Of {format_name}: {field.metadata['help']}", f"--{field.name.replace('_', '-')}"
    if hint is bool:
        flags = f"{flag}/--no-{flag.removeprefix('--')}" if field.default else flag
        return click.Option([flags], is_flag=True, default=field.default, help=text)
    kind, word = option_type(field, hint)
    return click.Option([flag], type=kind, metavar=field.metadata["metavar"] or word, help=text)
