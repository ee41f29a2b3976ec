"""How long work reports that it moves: a callable around an iterable, nothing by default."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

__all__ = ["Progress", "no_progress"]

T = TypeVar("T")


class Progress(Protocol):
    """Passes on an iterable's items and shows how far it is; `rich.progress.track` is of this form."""

    def __call__(self, iterable: Iterable[T], description: str, total: int | None = None) -> Iterable[T]:
        """Return the items of `iterable`, in order."""
        ...


def no_progress(iterable: Iterable[T], description: str, total: int | None = None) -> Iterable[T]:
    """Show nothing."""
    return iterable
