"""Levels as a user asks for them: L of a step, N of all sites, or N of each by sensitivity under a budget."""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass

from snnconv.errors import InvalidValueError, SnnconvWarning
from snnconv.options import MOST_LEVELS, MOST_TIMESTEPS, option

__all__ = ["CANDIDATES", "LevelsRequest", "LevelsSettings", "read_request"]

CANDIDATES = (1, 2, 4, 8)  # times the floor


@dataclass(frozen=True)
class LevelsSettings:
    """Time steps and levels, as they are given to `convert`."""

    timesteps: int = option(4, "Time steps.", names=("-T", "--timesteps"), metavar="T", least=1, most=MOST_TIMESTEPS)
    levels: int | None = option(
        None,
        "Firing levels of one step; N = L*T.",
        names=("-L", "--levels"),
        metavar="L",
        least=1,
        most=MOST_LEVELS,
        otherwise="4; a QCFS file's N/T; with norms or attention 256/T",
    )
    total_levels: str | int | None = option(
        None,
        "N = L*T of every site, or chosen for each site by sensitivity: FLOOR at least, 8 times that at most.",
        names=("-N", "--total-levels"),
        metavar="N|auto:FLOOR",
    )
    budget_energy_pj: float | None = option(
        None,
        "Most picojoules of an image, as estimated: auto:FLOOR takes the choice within it that is closest to SOURCE.",
        metavar="E",
        above=0,
    )
    budget_accuracy: float | None = option(
        None,
        "Percent of the calibration images that must get the class SOURCE gives them: auto:FLOOR takes the cheapest "
        "choice that reaches it.",
        metavar="P",
        above=0,
        most=100,
    )


@dataclass(frozen=True)
class LevelsRequest:
    """Levels as they are asked for, after all checks.

    Attributes:
        levels: L of every site; None: the default, or levels that are chosen.
        floor: Least N that a site may get where N is chosen, a multiple of T; None: N is not chosen.
        energy_pj: Energy of one image that must not be exceeded, in picojoules.
        agreement: Percent of the calibration images that must get the ANN's arg-max.
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


def read_request(settings: LevelsSettings) -> LevelsRequest:
    """Return the levels that settings ask for.

    Args:
        settings: Settings, not checked yet.

    Raises:
        InvalidValueError: L and N are both given, T does not divide N, a value is outside what is allowed, or there is
            a budget with nothing to choose or two budgets.

    Warns:
        SnnconvWarning: The floor is no multiple of T and is rounded up.
    """
    levels, total_levels = settings.levels, settings.total_levels
    timesteps = _require_positive("timesteps", settings.timesteps)
    if levels is not None:
        _require_positive("levels", levels)
    if levels is not None and total_levels is not None:
        raise InvalidValueError("levels and total_levels are both given, and N = L*T: give --levels or --total-levels.")
    floor = _floor(total_levels)
    _check_budgets(settings, floor)
    if floor is not None:
        return LevelsRequest(None, _multiple(floor, timesteps), settings.budget_energy_pj, settings.budget_accuracy)
    return LevelsRequest(levels if total_levels is None else _divided(_number(total_levels), timesteps))


def _require_positive(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidValueError(f"{name} is {value!r}: it must be an integer of at least 1.")
    return value


def _floor(total_levels: int | str | None) -> int | None:
    """Return FLOOR of "auto:FLOOR"; None where it is something else."""
    if not isinstance(total_levels, str) or not total_levels.startswith("auto"):
        return None
    match = re.fullmatch(r"auto:([0-9]{1,9})", total_levels)
    if match is None:
        raise InvalidValueError(
            f"total_levels is {total_levels!r}: to have levels chosen, name the least a site may get, as in auto:8."
        )
    return _require_positive("The floor of total_levels", int(match[1]))


def _number(total_levels: int | str) -> int:
    if isinstance(total_levels, str):
        if not re.fullmatch(r"[0-9]{1,9}", total_levels):
            raise InvalidValueError(f"total_levels is {total_levels!r}: it must be a number N, or auto:FLOOR.")
        total_levels = int(total_levels)
    return _require_positive("total_levels", total_levels)


def _divided(total_levels: int, timesteps: int) -> int:
    """Return L = N/T."""
    levels, left = divmod(total_levels, timesteps)
    if left:
        below, above = levels * timesteps, (levels + 1) * timesteps
        nearest = f"{below} or {above}." if below else f"{above}."
        raise InvalidValueError(
            f"total_levels is {total_levels}, which T={timesteps} steps do not divide; the nearest they do: {nearest}"
        )
    return levels


def _multiple(floor: int, timesteps: int) -> int:
    """Return the least multiple of T that is no less than the floor."""
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


def _check_budgets(settings: LevelsSettings, floor: int | None) -> None:
    """Refuse budgets that choose nothing, contradict each other, or are outside what is allowed."""
    energy_pj, agreement = settings.budget_energy_pj, settings.budget_accuracy
    if floor is None and (energy_pj is not None or agreement is not None):
        raise InvalidValueError(
            "A budget chooses levels, and there is nothing to choose: give --total-levels auto:FLOOR (such as auto:8) "
            "with --budget-energy-pj or --budget-accuracy. Power-of-two messages have no levels: leave the budget out "
            "there."
        )
    if energy_pj is not None and agreement is not None:
        raise InvalidValueError(
            "budget_energy_pj and budget_accuracy are both given: one is what may be spent, the other what must be "
            "reached. Give one."
        )
    if energy_pj is not None and not (energy_pj > 0 and math.isfinite(energy_pj)):
        raise InvalidValueError(f"budget_energy_pj is {energy_pj!r}: it must be a finite number above 0.")
    if agreement is not None and not 0 < agreement <= 100:
        raise InvalidValueError(f"budget_accuracy is {agreement!r}: it must be above 0 and at most 100 percent.")
