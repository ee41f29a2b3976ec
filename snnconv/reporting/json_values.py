"""Numbers as strict JSON: finite, of bounded size, under keys that may differ from the attributes' names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from itertools import islice
from typing import Any

__all__ = ["bounded", "json_values"]

DEPTH = 8  # levels of a file's own words about itself; deeper ones are left out
LONGEST = 2000  # characters of one text among them
MOST = 512  # entries of one list or table among them


def json_values(value: Any) -> Any:
    """Return a value as JSON holds it: dataclasses as objects, tuples as lists, None for a number that is not finite.

    A field of a dataclass that has `json` in its metadata is called so in the object, and left out where that is None.

    >>> json_values({"a": (1.0, float("inf"))})
    {'a': [1.0, None]}
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if is_dataclass(value):
        keys = {field.name: field.metadata.get("json", field.name) for field in fields(value)}
        return {key: json_values(getattr(value, name)) for name, key in keys.items() if key is not None}
    if isinstance(value, dict):
        return {key: json_values(item) for key, item in value.items()}
    return [json_values(item) for item in value] if isinstance(value, (list, tuple)) else value


def bounded(value: Any, depth: int = DEPTH) -> Any:
    """Return a value from a file as strict JSON: finite numbers, and texts, lists and tables of bounded size.

    >>> bounded({"a": float("nan"), "b": (1, 2)})
    {'a': None, 'b': [1, 2]}
    """
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value if len(value) <= LONGEST else f"{value[:LONGEST]}…"
    if depth and isinstance(value, Mapping):
        return {bounded(str(key)): bounded(item, depth - 1) for key, item in islice(value.items(), MOST)}
    if depth and isinstance(value, (list, tuple)):
        return [bounded(item, depth - 1) for item in value[:MOST]]
    return "…" if isinstance(value, (Mapping, list, tuple)) else bounded(str(value))
