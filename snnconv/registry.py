"""One form of registry for everything that is looked up by key."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pkgutil import iter_modules
from threading import RLock
from typing import Generic, TypeVar

from snnconv import plugins
from snnconv.errors import InvalidValueError

__all__ = ["Registry", "near_names", "suggestion"]

K = TypeVar("K")
V = TypeVar("V")

_lock = RLock()


def near_names(name: str, known: Iterable[str], *, most: int = 3) -> list[str]:
    """Return the known names that a name is nearest to, the nearest first; upper and lower case count alike.

    Args:
        name: Name that is not known.
        known: Names that are.
        most: Largest number of names to return.

    >>> near_names("Resnet-20", ["resnet20", "ResNet18", "vgg16"])
    ['resnet20', 'ResNet18']
    """
    spellings: dict[str, str] = {}
    for spelling in known:
        spellings.setdefault(spelling.lower(), spelling)
    return [spellings[match] for match in difflib.get_close_matches(name.lower(), spellings, n=most)]


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: names that are near it, else all that are known.

    >>> suggestion("epoch", ["epochs", "lr"]), suggestion("x", ["lr", "epochs"])
    ("did you mean 'epochs'?", 'known are epochs, lr.')
    """
    names = sorted(known)
    near = near_names(name, names)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else f"known are {', '.join(names)}."


class Registry(Generic[K, V]):
    """A dictionary filled by decorators: a duplicate raises, a miss names the nearest known keys.

    Plug-ins are loaded before a key is called missing, and before the keys are listed.

    Args:
        what: Word for an entry in messages, such as "neuron".
        package: Package whose modules register the entries of snnconv itself. They are imported when the registry is
            asked for the first time; None: whoever defines entries imports them.
    """

    def __init__(self, what: str, *, package: str | None = None) -> None:
        self.what = what
        self._package = package
        self._entries: dict[K, V] = {}

    def register(self, *keys: K) -> Callable[[V], V]:
        """Return a decorator that files its function or class under every key.

        Raises:
            ValueError: A key is registered already; the decorator raises it.
        """

        def decorate(entry: V) -> V:
            self.require_free(*keys)
            self._entries.update(dict.fromkeys(keys, entry))
            return entry

        return decorate

    def require_free(self, *keys: K) -> None:
        """Refuse keys that are registered so far; nothing is imported for it.

        Raises:
            ValueError: One of them is registered already.
        """
        for key in keys:
            if key in self._entries:
                raise ValueError(f"{self.what} {key!r} is registered already")

    def get(self, key: K) -> V | None:
        """Return the entry, or None."""
        return self._entries[key] if key in self else None

    def __contains__(self, key: object) -> bool:
        self._import_package()
        if key not in self._entries:
            plugins.load()
        return key in self._entries

    def __iter__(self) -> Iterator[K]:
        self._import_package()
        plugins.load()
        return iter(self._entries)

    def __getitem__(self, key: K) -> V:
        if key not in self:
            known = sorted(str(k) for k in self._entries)
            near = near_names(str(key), known) or known
            raise InvalidValueError(f"Unknown {self.what} {str(key)!r}: did you mean {' or '.join(near)}?")
        return self._entries[key]

    def _import_package(self) -> None:
        """Import the modules that register snnconv's own entries, unless that was done before."""
        if self._package is None:
            return
        with _lock:
            package, self._package = self._package, None  # a module that looks keys up comes here again
            for module in _modules(package):
                import_module(module)


def _modules(package: str | None) -> list[str]:
    """Return the names of a package's modules; none where there is no package."""
    if package is None:
        return []
    return [module.name for module in iter_modules(import_module(package).__path__, f"{package}.")]
