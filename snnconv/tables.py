"""A TOML file as frozen dataclasses: what a table must hold is what its dataclass says.

A key that the dataclass lacks, a key that is missing and a value of another type are refused by name; what a value may
be is the dataclass's own affair, and its refusal is given the file and the table.
"""

from __future__ import annotations

import os
import tomllib
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from snnconv.errors import FileError, InvalidValueError, unreadable
from snnconv.files import require_regular
from snnconv.registry import suggestion

__all__ = ["fill", "parse", "read_bytes"]

T = TypeVar("T")

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text in quotes", date: "a date"}


def parse(text: bytes, where: str) -> dict[str, Any]:
    """The tables of a TOML file.

    Args:
        text: of the file.
        where: the file, for the message.

    Raises:
        FileError: it is no UTF-8 or no TOML; the line is named.
    """
    try:
        return tomllib.loads(text.decode())
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1
        raise FileError(f"{where} is no text in UTF-8 (line {line}): save it as UTF-8.") from error
    except (ValueError, RecursionError) as error:  # ValueError: a number of thousands of digits
        raise FileError(f"{where} is no TOML file: {error}. Mend that line.") from error


def fill(kind: type[T], values: object, file: str, table: str = "", **known: Any) -> T:
    """A dataclass from a table.

    Args:
        kind: a dataclass whose fields are booleans, numbers, texts, dates, Literals, dataclasses, tuples of these, None
            of these, or `Mapping` for a table that is kept as it is.
        values: the table.
        file: names the file in messages, as in `Recipe 'mine'`.
        table: the table's name, empty at the top of the file.
        known: fields that are no keys of the file.

    Raises:
        InvalidValueError: a key is unknown (near ones are named) or missing, or a value is not allowed.
    """
    place = f"in [{table}]" if table else "at the top of the file"
    if not isinstance(values, Mapping):
        raise InvalidValueError(f"{file}: {table} is {values!r}; it must be a table, [{table}].")
    wanted = {field.name: field for field in _fields(kind) if field.name not in known}
    for key in values:
        if key not in wanted:
            raise InvalidValueError(f"{file}: unknown key {key!r} {place}: {suggestion(key, wanted)}")
    hints = get_type_hints(kind)
    missing = [name for name, field in wanted.items() if name not in values and _required(field)]
    inside = f"{table}." if table else ""
    tables = [
        f"[{inside}{name}]" for name in missing if is_dataclass(hints[name]) or get_origin(hints[name]) is Mapping
    ]
    if tables:
        raise InvalidValueError(f"{file}: it needs the table {' and '.join(tables)}.")
    if missing:
        raise InvalidValueError(f"{file}: {' and '.join(missing)} must stand {place}.")
    given = {key: _value(hints[key], value, file, f"{table}.{key}" if table else key) for key, value in values.items()}
    try:
        return kind(**given, **known)
    except InvalidValueError as error:
        raise InvalidValueError(f"{file}{f', [{table}]' if table else ''}: {error}") from error


def _fields(kind: type[Any]) -> tuple[Field[Any], ...]:
    assert is_dataclass(kind)
    return fields(kind)


def _required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _value(hint: Any, value: Any, file: str, path: str) -> Any:
    """A value of the type that a field has; `path` is `table.key`."""
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = (each for each in get_args(hint) if each is not type(None))  # TOML has no null: X | None is X
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return fill(hint, value, file, path)
    origin = get_origin(hint) or hint
    if origin is Literal:
        return _choice(get_args(hint), value, file, path)
    if origin is tuple:
        if not isinstance(value, list):
            raise _refused(value, "a list", file, path)
        return tuple(_value(get_args(hint)[0], each, file, path) for each in value)
    if origin is Mapping:
        if not isinstance(value, dict):
            raise InvalidValueError(f"{file}: {path} is {value!r}; it must be a table, [{path}].")
        return value
    if origin is float and type(value) is int:
        return float(value)
    if type(value) is not origin:  # isinstance would take true for a whole number
        raise _refused(value, _WORDS[origin], file, path)
    return value


def _choice(allowed: tuple[str, ...], value: Any, file: str, path: str) -> str:
    if value not in allowed:
        raise _refused(value, f"one of {', '.join(allowed)}", file, path)
    return str(value)


def _refused(value: Any, allowed: str, file: str, path: str) -> InvalidValueError:
    table, _, key = path.rpartition(".")
    shown = value.isoformat() if isinstance(value, date) else repr(value)
    return InvalidValueError(f"{file}{f', [{table}]' if table else ''}: {key} is {shown}: it must be {allowed}.")


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Of a file that a user named.

    Raises:
        FileError: it is missing, a folder, or cannot be read.
    """
    require_regular(path)
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError as error:
        raise FileError(f"{os.fspath(path)} does not exist.") from error
    except (OSError, ValueError, MemoryError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise unreadable(path, error, f"{os.fspath(path)} cannot be read: {reason}.") from error
