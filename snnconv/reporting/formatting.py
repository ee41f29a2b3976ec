"""Numbers as a reader sees them."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["energy", "number", "percent", "points", "share", "span", "with_article", "with_error"]


def number(value: float | None, digits: int = 4) -> str | None:
    """Return a number with the digits that matter, and commas between thousands; None of None.

    >>> number(41216000.0), number(0.012345), number(None)
    ('41,216,000', '0.01235', None)
    """
    if value is None:
        return None
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def percent(value: float | None) -> str | None:
    """Return a percentage as text; None of None."""
    return None if value is None else f"{value:.2f} %"


def with_error(value: float | None, error: float | None) -> str | None:
    """Return a percentage and its standard error in points; None where one of the two is not known.

    >>> with_error(97.4930, 0.8251)
    '97.49 % ± 0.83'
    """
    return None if value is None or error is None else f"{percent(value)} ± {error:.2f}"


def points(value: float | None, than: float | None) -> str | None:
    """Return words that compare a percentage with another network's; None where one of the two is not known.

    >>> points(91.0, 92.5), points(91.0, 91.0)
    ("1.50 points below that network's", "the same as that network's")
    """
    if value is None or than is None:
        return None
    if round(value - than, 2) == 0:
        return "the same as that network's"
    return f"{abs(value - than):.2f} points {'above' if value > than else 'below'} that network's"


def share(value: float | None) -> str | None:
    """Return a share from 0 to 1 in percent; None of None.

    >>> share(0.12345), share(1e-7), share(0.0)
    ('12.35 %', '< 0.01 %', '0 %')
    """
    if value is None:
        return None
    if value == 0:
        return "0 %"
    return f"{100 * value:.2f} %" if value >= 5e-5 else "< 0.01 %"


def energy(value_pj: float | None) -> str | None:
    """Return picojoules in a unit that suits them; None of None.

    >>> energy(12_345_678.0), energy(532.0)
    ('12.35 µJ', '532 pJ')
    """
    if value_pj is None:
        return None
    for unit, size in (("mJ", 1e9), ("µJ", 1e6), ("nJ", 1e3)):
        if value_pj >= size:
            return f"{value_pj / size:.4g} {unit}"
    return f"{value_pj:.3g} pJ"


def span(values: Sequence[float | int] | None) -> str | None:
    """Return the least and the most, or the one value that both are; None of None.

    >>> span((8, 8)), span((8, 32))
    ('8', '8 to 32')
    """
    if values is None:
        return None
    least, most = number(values[0]), number(values[1])
    return least if least == most else f"{least} to {most}"


def with_article(noun: str) -> str:
    """Return a noun with its article.

    >>> with_article("image"), with_article("sample")
    ('an image', 'a sample')
    """
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
