"""Settings: frozen dataclasses whose fields say what they mean and which values they take.

A field states its help text, its range and its names on the command line once, in its metadata. The checks of the
dataclass, the options of the command line and the documentation are all made of that.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Pause(Settings):
    ...     seconds: float = option(1.0, "Length of the pause.", above=0)
    >>> Pause(2.5).to_dict()
    {'seconds': 2.5}
    >>> Pause(0.0)
    Traceback (most recent call last):
    snnconv.errors.InvalidValueError: seconds is 0.0: it must be a finite number above 0.
"""

from __future__ import annotations

import inspect
import math
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from typing import Any, Literal, Self, TypeVar, Union, get_args, get_origin, get_type_hints

from snnconv.errors import InvalidValueError

__all__ = [
    "MOST_LEVELS",
    "MOST_OCTAVES",
    "MOST_TIMESTEPS",
    "Settings",
    "described",
    "documented",
    "option",
    "options_of",
    "type_of",
    "with_default",
]

T = TypeVar("T")

MOST_LEVELS = 1 << 16  # beyond it float32 no longer tells the levels of one ceiling apart well
MOST_TIMESTEPS = 1024
MOST_OCTAVES = 16  # sums of messages of so many sizes stay exact in single precision


def described(
    text: str,
    *,
    metavar: str | None = None,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    below: float | None = None,
    names: tuple[str, ...] = (),
    otherwise: str | None = None,
    choices: Callable[[], Iterable[str]] | None = None,
) -> dict[str, Any]:
    """Return the metadata of a settings field: all that its check and its option need beside type and default.

    Args:
        text: Help text: a noun phrase, in one or several sentences.
        metavar: Word for the value in the help of the command line.
        least: Lowest number that is allowed.
        most: Highest number that is allowed.
        above: Number that every allowed number is above.
        below: Number that every allowed number is below.
        names: Names of the option, such as `-N` and `--total-levels`; by default the field's name.
        otherwise: Words for a default of None, such as "the file's own".
        choices: Function that lists the texts that are allowed, where a registry holds them; whoever looks them up
            checks them.
    """
    return {
        "help": text,
        "metavar": metavar,
        "least": least,
        "most": most,
        "above": above,
        "below": below,
        "names": names,
        "otherwise": otherwise,
        "choices": choices,
    }


def option(default: Any, text: str, **facts: Any) -> Any:
    """Return a settings field.

    Args:
        default: Default of the field.
        text: Help text: a noun phrase, in one or several sentences.
        facts: Other arguments of `described`.
    """
    return field(default=default, metadata=described(text, **facts))


def with_default(settings: type[Any], name: str, default: Any) -> Any:
    """Return a field of other settings with another default, for a class that inherits from them."""
    return field(default=default, metadata=_fields(settings)[name].metadata)


def options_of(settings: type[Any]) -> dict[str, Field[Any]]:
    """Return the fields of a settings class that have a help text, by name."""
    return {name: field for name, field in _fields(settings).items() if "help" in field.metadata}


def type_of(settings: type[Any], name: str) -> Any:
    """Return the type of a field without its None: `int` of `int | None`.

    Only this field's annotation is looked up: others may name classes that their module imports for type checkers.
    """
    home = next(kind for kind in settings.__mro__ if name in inspect.get_annotations(kind))
    annotation = types.SimpleNamespace(__annotations__={name: inspect.get_annotations(home)[name]})
    hint = get_type_hints(annotation, vars(sys.modules[home.__module__]))[name]
    if get_origin(hint) in (Union, types.UnionType):
        return next(member for member in get_args(hint) if member is not type(None))
    return hint


def documented(settings: type[T]) -> type[T]:
    """Add the help texts and ranges of its fields to the docstring of a settings class: a decorator."""
    lines = [f"    {name}: {_sentences(settings, entry)}" for name, entry in options_of(settings).items()]
    settings.__doc__ = "\n".join([inspect.getdoc(settings) or "", "", "Attributes:", *lines, ""])
    return settings


@dataclass(frozen=True)
class Settings:
    """Base class of settings, whose fields are checked when they are made.

    Raises:
        InvalidValueError: A value is outside the range that its field states.
    """

    def __post_init__(self) -> None:
        for name, entry in options_of(type(self)).items():
            value = getattr(self, name)
            unset = value is None and entry.default is None
            self._require(name, unset or _is_allowed(type(self), entry, value), _allowed(type(self), entry))

    def _require(self, name: str, holds: bool, allowed: str) -> None:
        """Refuse a field by name unless a condition holds."""
        if not holds:
            raise InvalidValueError(f"{name} is {getattr(self, name)!r}: it must be {allowed}.")

    @classmethod
    def require(cls, settings: object) -> None:
        """Refuse settings of another class.

        Raises:
            InvalidValueError: The argument is no instance of this class.
        """
        if not isinstance(settings, cls):
            raise InvalidValueError(f"settings is a {type(settings).__name__}: it must be a {cls.__name__}.")

    @classmethod
    def chosen(cls, values: Mapping[str, Any], **others: Any) -> Self:
        """Return the settings that a mapping has values for; keys of other names are left out."""
        names = _fields(cls).keys() - others.keys()
        return cls(**{name: value for name, value in values.items() if name in names}, **others)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as a dictionary that is ready for JSON."""
        return asdict(self)


def _fields(settings: type[Any]) -> dict[str, Field[Any]]:
    return {entry.name: entry for entry in fields(settings)}


def _is_allowed(settings: type[Any], entry: Field[Any], value: Any) -> bool:
    """Return whether a value has the type of a field and lies in its range."""
    hint = type_of(settings, entry.name)
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if hint in (bool, str):
        return isinstance(value, hint)
    if isinstance(value, bool) or not isinstance(value, (int, float) if hint is float else int):
        return False
    facts = entry.metadata
    return (
        abs(value) < math.inf
        and (facts["least"] is None or value >= facts["least"])
        and (facts["most"] is None or value <= facts["most"])
        and (facts["above"] is None or value > facts["above"])
        and (facts["below"] is None or value < facts["below"])
    )


def _allowed(settings: type[Any], entry: Field[Any]) -> str:
    """Return the allowed values of a field in words, as `an integer of at least 1`."""
    hint = type_of(settings, entry.name)
    if get_origin(hint) is Literal:
        return f"one of {', '.join(get_args(hint))}"
    if hint in (bool, str):
        return "true or false" if hint is bool else "text"
    words = (("least", "of at least"), ("above", "above"), ("most", "at most"), ("below", "below"))
    bounds = [f"{word} {entry.metadata[key]}" for key, word in words if entry.metadata[key] is not None]
    number, text = "an integer" if hint is int else "a finite number", " and ".join(bounds)
    return f"{number} {'of ' if text.startswith('at most') else ''}{text}".rstrip()


def _sentences(settings: type[Any], entry: Field[Any]) -> str:
    """Return the help text of a field with its default of None and its allowed values, where they are few."""
    facts, text = entry.metadata, str(entry.metadata["help"])
    if facts["otherwise"] is not None:
        text += f" None: {facts['otherwise']}."
    free = type_of(settings, entry.name) in (bool, str)
    return text if free else f"{text} Allowed: {_allowed(settings, entry)}."
