"""Progress of long work: a callable around an iterable, which by default shows nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

__all__ = ["Progress", "no_progress"]

T = TypeVar("T")


class Progress(Protocol):
    """A callable that passes on the items of an iterable and shows how far it is, as `rich.progress.track` does."""

    def __call__(self, iterable: Iterable[T], description: str, total: int | None = None) -> Iterable[T]:
        """Return the items of an iterable in order.

        Args:
            iterable: Items to pass on.
            description: Words that name the work.
            total: Number of items, or None where it is not known.
        """
        ...


def no_progress(iterable: Iterable[T], description: str, total: int | None = None) -> Iterable[T]:
    """Return the items of an iterable, and show nothing."""
    return iterable
