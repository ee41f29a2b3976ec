"""One form of registry for everything that is looked up by key."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from snnconv.errors import InvalidValueError

__all__ = ["Registry"]

K = TypeVar("K")
V = TypeVar("V")


class Registry(Generic[K, V]):
    """A dictionary filled by decorators: a duplicate raises, a miss names the nearest known keys."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._entries: dict[K, V] = {}

    def register(self, *keys: K) -> Callable[[V], V]:
        """Decorator that files its function under every key."""

        def decorate(entry: V) -> V:
            for key in keys:
                if key in self._entries:
                    raise ValueError(f"{self.what} {key!r} is registered already")
                self._entries[key] = entry
            return entry

        return decorate

    def get(self, key: K) -> V | None:
        """The entry, or None."""
        return self._entries.get(key)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[K]:
        return iter(self._entries)

    def __getitem__(self, key: K) -> V:
        if key not in self._entries:
            known = sorted(str(k) for k in self._entries)
            near = difflib.get_close_matches(str(key), known, n=3) or known
            raise InvalidValueError(f"Unknown {self.what} {str(key)!r}: did you mean {' or '.join(near)}?")
        return self._entries[key]
