"""Names from files, shortened so that they fit into a page and can still be told apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import takewhile

__all__ = ["shortened", "shortened_apart"]

CONTEXT = 8  # characters that all names share, shown before those that differ


def shortened(text: str, length: int) -> str:
    """Return a text of at most `length` characters, the middle of a longer one left out.

    >>> shortened("abcdefghij", 5)
    'ab…ij'
    """
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[: length - 1 - half]}…{text[-half:]}"


def shortened_apart(names: Sequence[str], length: int) -> list[str]:
    """Return names of at most `length` characters, in which different names stay different.

    A name that would be cut to the same text as another one shows the place where the two differ. Where one place is
    not enough for several names, they get the numbers of their places.

    Args:
        names: Names of any length.
        length: The most characters of each, 20 or more.

    >>> shortened_apart(["model/" * 9 + "a/conv/" + "x" * 30, "model/" * 9 + "b/conv/" + "x" * 30, "head"], 24)
    ['model/…l/model/a/conv/x…', 'model/…l/model/b/conv/x…', 'head']
    """
    texts = {name: shortened(name, length) for name in names}
    for crowd in _same_texts(texts):
        start = max(0, _shared(crowd) - CONTEXT)
        texts.update((name, _window(name, start, length)) for name in crowd)
    places = {name: f" ({place})" for place, name in enumerate(texts, 1)}
    for crowd in _same_texts(texts):
        texts.update((name, texts[name][: length - len(places[name])] + places[name]) for name in crowd)
    return [texts[name] for name in names]


def _same_texts(texts: dict[str, str]) -> list[list[str]]:
    """Return the names that have a text in common, text by text."""
    crowds: dict[str, list[str]] = defaultdict(list)
    for name, text in texts.items():
        crowds[text].append(name)
    return [crowd for crowd in crowds.values() if len(crowd) > 1]


def _shared(names: Sequence[str]) -> int:
    """Return how many characters names have in common at their beginning."""
    columns = zip(*names, strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


def _window(name: str, start: int, length: int) -> str:
    """Return the beginning of a name and its characters from `start` on, together no longer than `length`."""
    head = name[: min(start, length // 4)]
    room = length - len(head) - 2
    rest = name[start:]
    return f"{head}…{rest if len(rest) <= room + 1 else f'{rest[:room]}…'}"
