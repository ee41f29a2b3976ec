"""The Pareto front of high scores at low cost."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["pareto_front"]


def pareto_front(costs: Sequence[float | None], scores: Sequence[float]) -> tuple[bool, ...]:
    """Return which points no other point beats: none costs no more and scores no less, and is better in one of the two.

    Args:
        costs: Costs of the points, the lower the better; a point of cost None takes no part.
        scores: Scores of the same points, the higher the better.

    >>> pareto_front([1.0, 2.0, 2.0, None], [80.0, 90.0, 85.0, 99.0])
    (True, True, False, False)
    """
    points = [(cost, score) for cost, score in zip(costs, scores, strict=True) if cost is not None]

    def is_beaten(cost: float, score: float) -> bool:
        return any(c <= cost and s >= score and (c < cost or s > score) for c, s in points)

    return tuple(cost is not None and not is_beaten(cost, score) for cost, score in zip(costs, scores, strict=True))
