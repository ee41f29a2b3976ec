"""What a user can say about levels: L of a step, N of all sites, or N by sensitivity under a budget."""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass

from snnconv.errors import InvalidValueError, SnnconvWarning
from snnconv.neurons.site import require_positive_int
from snnconv.spiking.sites import MOST_LEVELS

__all__ = ["CANDIDATES", "LevelsRequest", "read_request"]

CANDIDATES = (1, 2, 4, 8)  # times the floor


@dataclass(frozen=True)
class LevelsRequest:
    """Levels as asked for.

    Attributes:
        levels: L of every site; None: by default, or chosen.
        floor: the least N a site may get where N is chosen, a multiple of T; None: N is not chosen.
        energy_pj: energy of one image that must not be exceeded, in picojoules.
        agreement: percent of the calibration images that must get the ANN's arg-max.
    """

    levels: int | None = None
    floor: int | None = None
    energy_pj: float | None = None
    agreement: float | None = None

    @property
    def candidates(self) -> tuple[int, ...]:
        """N that a site may get, ascending."""
        assert self.floor is not None
        return tuple(times * self.floor for times in CANDIDATES)


def read_request(
    timesteps: int,
    levels: int | None,
    total_levels: int | str | None,
    energy_pj: float | None = None,
    agreement: float | None = None,
) -> LevelsRequest:
    """Read what `convert` was given.

    Args:
        timesteps: T.
        levels: L, or None.
        total_levels: N of all sites, a number or its digits; "auto:FLOOR" to have N chosen for each site; or None.
        energy_pj: the budget of energy.
        agreement: the budget of accuracy.

    Raises:
        InvalidValueError: L and N are both given, T does not divide N, a value is outside what is allowed, or there is
            a budget with nothing to choose or two budgets.

    Warns:
        SnnconvWarning: the floor is no multiple of T and is rounded up.
    """
    require_positive_int("timesteps", timesteps)
    if levels is not None:
        require_positive_int("levels", levels)
    if levels is not None and total_levels is not None:
        raise InvalidValueError("levels and total_levels are both given, and N = L*T: give --levels or --total-levels.")
    floor = _floor(total_levels)
    if floor is None and (energy_pj is not None or agreement is not None):
        raise InvalidValueError(
            "A budget chooses levels, and there is nothing to choose: give --total-levels auto:FLOOR (such as auto:8) "
            "with --budget-energy-pj or --budget-accuracy."
        )
    _check_budgets(energy_pj, agreement)
    if floor is not None:
        return LevelsRequest(None, _multiple(floor, timesteps), energy_pj, agreement)
    return LevelsRequest(levels if total_levels is None else _divided(_number(total_levels), timesteps))


def _floor(total_levels: int | str | None) -> int | None:
    """FLOOR of "auto:FLOOR"."""
    if not isinstance(total_levels, str) or not total_levels.startswith("auto"):
        return None
    found = re.fullmatch(r"auto:([0-9]{1,9})", total_levels)
    if found is None:
        raise InvalidValueError(
            f"total_levels is {total_levels!r}: to have levels chosen, name the least a site may get, as in auto:8."
        )
    return require_positive_int("The floor of total_levels", int(found[1]))


def _number(total_levels: int | str) -> int:
    if isinstance(total_levels, str):
        if not re.fullmatch(r"[0-9]{1,9}", total_levels):
            raise InvalidValueError(f"total_levels is {total_levels!r}: it must be a number N, or auto:FLOOR.")
        total_levels = int(total_levels)
    return require_positive_int("total_levels", total_levels)


def _divided(total_levels: int, timesteps: int) -> int:
    """L = N/T."""
    levels, left = divmod(total_levels, timesteps)
    if left:
        below, above = levels * timesteps, (levels + 1) * timesteps
        nearest = f"{below} or {above}." if below else f"{above}."
        raise InvalidValueError(
            f"total_levels is {total_levels}, which T={timesteps} steps do not divide; the nearest they do: {nearest}"
        )
    return levels


def _multiple(floor: int, timesteps: int) -> int:
    rounded = -(-floor // timesteps) * timesteps
    if rounded * CANDIDATES[-1] > MOST_LEVELS:
        raise InvalidValueError(
            f"The floor of total_levels is {floor}: a site may get {CANDIDATES[-1]} times as many levels, and at most "
            f"{MOST_LEVELS} are allowed. Give less."
        )
    if rounded != floor:
        warnings.warn(
            f"The floor of N={floor} levels is rounded up to {rounded}, which T={timesteps} steps divide.",
            SnnconvWarning,
            stacklevel=4,
        )
    return rounded


def _check_budgets(energy_pj: float | None, agreement: float | None) -> None:
    if energy_pj is not None and agreement is not None:
        raise InvalidValueError(
            "budget_energy_pj and budget_accuracy are both given: one is what may be spent, the other what must be "
            "reached. Give one."
        )
    if energy_pj is not None and not (energy_pj > 0 and math.isfinite(energy_pj)):
        raise InvalidValueError(f"budget_energy_pj is {energy_pj!r}: it must be a finite number above 0.")
    if agreement is not None and not 0 < agreement <= 100:
        raise InvalidValueError(f"budget_accuracy is {agreement!r}: it must be above 0 and at most 100 percent.")
