"""Read a TOML file into frozen dataclasses, which say what its tables must hold.

A key that the dataclass lacks, a key that is missing and a value of another type are refused by name. Which values are
allowed is for the dataclass to check; the file and the table are added to its message.
"""

from __future__ import annotations

import os
import tomllib
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, fields, is_dataclass
from datetime import date
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from snnconv.errors import FileError, InvalidValueError, unreadable
from snnconv.files import require_regular
from snnconv.registry import suggestion

__all__ = ["fill", "json_ready", "parse", "read_bytes"]

T = TypeVar("T")

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text in quotes", date: "a date"}


def parse(text: bytes, file: str) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Args:
        text: Contents of the file.
        file: Name of the file, for messages.

    Raises:
        FileError: The contents are no UTF-8 or no TOML; the line is named.
    """
    try:
        return tomllib.loads(text.decode())
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1
        raise FileError(f"{file} is no text in UTF-8 (line {line}): save it as UTF-8.") from error
    except (ValueError, RecursionError) as error:  # ValueError: a number of thousands of digits
        raise FileError(f"{file} is no TOML file: {error}. Mend that line.") from error


def fill(
    kind: type[T], values: object, file: str, table: str = "", *, classes: Mapping[str, type] = {}, **known: Any
) -> T:
    """Return a dataclass that is filled from a table.

    Args:
        kind: Dataclass whose fields are booleans, numbers, texts, dates, Literals, dataclasses, tuples of these, None
            of these, or `Mapping` for a table that is left as it is.
        values: Table to read.
        file: Name of the file in messages, as in `Recipe 'mine'`.
        table: Name of the table, empty at the top of the file.
        classes: Classes that annotations name and that their modules import for type checkers only, by name.
        known: Values of fields that are no keys of the file.

    Raises:
        InvalidValueError: A key is unknown (near ones are named) or missing, or a value is not allowed.
    """
    if not isinstance(values, Mapping):
        raise InvalidValueError(f"{file}: {table} is {values!r}; it must be a table, [{table}].")
    hints = get_type_hints(kind, localns=dict(classes))
    _require_keys({field.name: field for field in _fields(kind) if field.name not in known}, hints, values, file, table)
    prefix = f"{table}." if table else ""
    filled = {key: _value(hints[key], value, file, f"{prefix}{key}", classes) for key, value in values.items()}
    try:
        return kind(**filled, **known)
    except InvalidValueError as error:
        raise InvalidValueError(f"{file}{f', [{table}]' if table else ''}: {error}") from error


def _require_keys(
    keys: Mapping[str, Field[Any]], hints: Mapping[str, Any], values: Mapping[str, Any], file: str, table: str
) -> None:
    """Refuse a table with keys that are unknown or missing.

    Args:
        keys: Fields that the table may hold, by name.
        hints: Types of the fields, by name.
        values: Table to check.
        file: Name of the file in messages.
        table: Name of the table.
    """
    place = f"in [{table}]" if table else "at the top of the file"
    for key in values:
        if key not in keys:
            raise InvalidValueError(f"{file}: unknown key {key!r} {place}: {suggestion(key, keys)}")
    missing = [name for name, field in keys.items() if name not in values and _is_required(field)]
    prefix = f"{table}." if table else ""
    tables = [f"[{prefix}{name}]" for name in missing if _is_table(hints[name])]
    if tables:
        raise InvalidValueError(f"{file}: it needs the table {' and '.join(tables)}.")
    if missing:
        raise InvalidValueError(f"{file}: {' and '.join(missing)} must stand {place}.")


def _fields(kind: type[Any]) -> tuple[Field[Any], ...]:
    assert is_dataclass(kind)
    return fields(kind)


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _is_table(hint: Any) -> bool:
    return is_dataclass(hint) or get_origin(hint) is Mapping


def _value(hint: Any, value: Any, file: str, path: str, classes: Mapping[str, type]) -> Any:
    """Return a value as the type of its field; `path` is `table.key`."""
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = (member for member in get_args(hint) if member is not type(None))  # TOML has no null: X | None is X
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return fill(hint, value, file, path, classes=classes)
    origin = get_origin(hint) or hint
    if origin is Literal:
        return _choice(get_args(hint), value, file, path)
    if origin is tuple:
        if not isinstance(value, list):
            raise _refused(value, "a list", file, path)
        return tuple(_value(get_args(hint)[0], member, file, path, classes) for member in value)
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


def json_ready(values: Any) -> dict[str, Any]:
    """Return a dataclass as a dictionary whose dates are text."""
    ready: dict[str, Any] = _without_dates(asdict(values))
    return ready


def _without_dates(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_dates(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_dates(member) for member in value]
    return value.isoformat() if isinstance(value, date) else value


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return the contents of a file that a user named.

    Raises:
        FileError: The file is missing, a folder, or cannot be read.
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
