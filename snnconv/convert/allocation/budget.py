"""The assignment that a budget asks for, found with few measurements along the front."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from snnconv.convert.allocation.measuring import Meter
from snnconv.convert.allocation.report import PrecisionPoint
from snnconv.convert.allocation.request import LevelsRequest
from snnconv.errors import InvalidValueError

__all__ = ["Choice", "select"]

Choice = tuple[int, ...]


def select(
    request: LevelsRequest, path: Sequence[Choice], uniform: Sequence[Choice], measured: Sequence[int], meter: Meter
) -> tuple[Choice, str]:
    """Choose an assignment, and say why.

    Args:
        request: Request with or without a budget.
        path: Assignments by predicted energy, as `front` returns them.
        uniform: Assignments of the same N everywhere, by N.
        measured: Places of the path that are measured already, ascending, both ends among them.
        meter: Meter that measures assignments.

    Returns:
        The assignment and the reason for it. Under a budget of energy it is the one whose logits err least among those
        measured within the budget (a few images more or less that agree tell little between neighbours); under a budget
        of agreement, the one that costs least among those measured to reach it. Without a budget it is the one
        predicted to cost least among those whose predicted error is at most that of the third candidate N everywhere.

    Raises:
        InvalidValueError: No assignment meets the budget; the message says which comes nearest.
    """
    if request.energy_pj is not None:
        return _most_accurate(request.energy_pj, path, measured, meter)
    if request.agreement is not None:
        return _cheapest(request.agreement, path, measured, meter)
    predictions, reference = meter.predictions, uniform[len(uniform) // 2]
    bound = predictions.error(reference)
    reach = next((choice for choice in path if predictions.error(choice) <= bound), reference)
    total = max(predictions.levels(reference).values())
    return (
        min(reach, reference, key=predictions.energy_pj),
        f"it is predicted to cost least among those with at most the error of N={total} everywhere",
    )


def _most_accurate(limit: float, path: Sequence[Choice], measured: Sequence[int], meter: Meter) -> tuple[Choice, str]:
    _bisect(path, measured, meter, lambda point: point.energy_pj_per_image > limit)
    within = {choice: point for choice, point in meter.points.items() if point.energy_pj_per_image <= limit}
    if not within:
        least = min(meter.points.values(), key=lambda point: point.energy_pj_per_image)
        raise InvalidValueError(
            f"No choice of levels costs at most {limit:.4g} pJ an image: the least is "
            f"{_rounded_up(least.energy_pj_per_image)} pJ at {least.where}. Give more, or a lower floor."
        )
    best = min(within, key=lambda choice: within[choice].error)
    return best, f"of those measured at no more than {limit:.4g} pJ an image its outputs are closest to the ANN's"


def _cheapest(least: float, path: Sequence[Choice], measured: Sequence[int], meter: Meter) -> tuple[Choice, str]:
    _bisect(path, measured, meter, lambda point: (point.agreement or 0) >= least)
    reaching = {choice: point for choice, point in meter.points.items() if (point.agreement or 0) >= least}
    if not reaching:
        best = max(meter.points.values(), key=lambda point: (point.agreement or 0, -point.energy_pj_per_image))
        raise InvalidValueError(
            f"No choice of levels agrees with the ANN on {least:g} % of the calibration images: the best is "
            f"{math.floor(100 * (best.agreement or 0)) / 100:g} % at {best.where}, which costs "
            f"{_rounded_up(best.energy_pj_per_image)} pJ an image. Ask for less, or give a higher floor."
        )
    cheapest = min(
        reaching, key=lambda choice: (reaching[choice].energy_pj_per_image, reaching[choice].predicted_error)
    )
    return cheapest, f"of those measured to agree with the ANN on at least {least:g} % of the images it costs least"


def _bisect(
    path: Sequence[Choice], measured: Sequence[int], meter: Meter, beyond: Callable[[PrecisionPoint], bool]
) -> None:
    """Measure the place where the path goes beyond a bound, between the measured places on both sides of it."""
    upper = next((place for place in measured if beyond(meter.measure(path[place]))), None)
    if upper is None or upper == measured[0]:
        return
    lower = max(place for place in measured if place < upper)
    while upper - lower > 1:
        middle = (lower + upper) // 2
        if beyond(meter.measure(path[middle])):
            upper = middle
        else:
            lower = middle


def _rounded_up(energy: float) -> str:
    """Return an energy to four digits, rounded up, so that a budget of what is named suffices.

    >>> _rounded_up(12345678.0)
    '1.235e+07'
    """
    unit = 10.0 ** (math.floor(math.log10(energy)) - 3) if energy > 0 else 1.0
    return f"{math.ceil(energy / unit - 1e-9) * unit:.4g}"
