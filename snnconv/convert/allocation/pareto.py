"""Assignments of levels to sites that no other beats, by predicted error and predicted energy.

From all sites at the floor, the step is taken again and again that lowers the error most per picojoule: of one site, to
any number of levels above its own. A site's steps then run along the lower convex hull of its (energy, error) points,
with ever smaller returns, so that the order of returns is the order of all sites' steps, and every assignment passed
has the least sum of errors that its energy can buy among all of the hulls' (Everett, "Generalized Lagrange multiplier
method", Operations Research 1963; Shoham and Gersho, "Efficient bit allocation for an arbitrary set of quantizers",
IEEE Trans. ASSP 1988).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from snnconv.convert.allocation.sensitivity import Sensitivity, SiteChoices

__all__ = ["front", "spread"]


def front(predictions: Sensitivity) -> tuple[tuple[int, ...], ...]:
    """Return assignments, from the floor everywhere to the least predicted error.

    Args:
        predictions: Predicted error and energy of every site at each number of levels.

    Returns:
        One place in `SiteChoices.total_levels` a site, each assignment one step after the one before it.
    """
    steps = [(gain, index, place) for index, site in enumerate(predictions.sites) for gain, place in _steps(site)]
    current = [0] * len(predictions.sites)
    path = [tuple(current)]
    for _, index, place in sorted(steps, key=lambda step: -step[0]):  # stable: a site's own steps stay in order
        current[index] = place
        path.append(tuple(current))
    return tuple(path)


def _steps(site: SiteChoices) -> Iterator[tuple[float, int]]:
    """Yield the error saved per picojoule, and the place that it leads to, along the hull of a site."""
    here = 0
    while True:
        ahead = [(_gain(site, here, there), -site.errors[there], there) for there in range(here + 1, len(site.errors))]
        better = [step for step in ahead if step[0] > 0]
        if not better:
            return
        gain, _, here = max(better)
        yield gain, here


def _gain(site: SiteChoices, here: int, there: int) -> float:
    saved = site.errors[here] - site.errors[there]
    cost = site.energies[there] - site.energies[here]
    if saved <= 0:
        return 0.0
    return saved / cost if cost > 0 else math.inf


def spread(path: Sequence[Sequence[int]], predictions: Sensitivity, count: int) -> list[int]:
    """Return places of at most `count` assignments, both ends included, evenly spread by the logarithm of energy.

    Args:
        path: Assignments, as `front` returns them.
        predictions: Predicted energy of each.
        count: Largest number of places.
    """
    logarithms = [math.log(max(predictions.energy_pj(choice), 1e-9)) for choice in path]
    first, last = logarithms[0], logarithms[-1]
    marks = [first + (last - first) * index / (count - 1) for index in range(count)]
    nearest = {min(range(len(path)), key=lambda place: abs(logarithms[place] - mark)) for mark in marks}
    return sorted(nearest | {0, len(path) - 1})
