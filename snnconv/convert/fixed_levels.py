"""The number of levels of each site where a user states it, or a quantized network has its own."""

from __future__ import annotations

import warnings

from snnconv.convert.calibration.walk import Levels
from snnconv.errors import InvalidValueError, SnnconvWarning
from snnconv.model import Model
from snnconv.spiking.sites import MOST_LEVELS, iter_sites, total_levels_of
from snnconv.spiking.unrolling import default_levels

__all__ = ["DEFAULT_LEVELS", "fixed_levels"]

DEFAULT_LEVELS = 4


def fixed_levels(ann: Model, timesteps: int, levels: int | None) -> Levels:
    """Return N of every site: T times L; of a quantized ANN its own N, where T divides it and no L is asked for.

    Args:
        ann: Network that is converted.
        timesteps: T.
        levels: L, or None.

    Raises:
        InvalidValueError: N is beyond what is allowed.

    Warns:
        SnnconvWarning: A quantized ANN gets another N than its own.
    """
    sites = {str(node.target): total_levels_of(site) for node, site in iter_sites(ann.graph)}
    trained = {total for total in sites.values() if total is not None}
    chosen = levels or (default_levels(max(trained), timesteps) if trained else DEFAULT_LEVELS)
    if chosen * timesteps > MOST_LEVELS:
        raise InvalidValueError(f"N = L*T = {chosen * timesteps} levels; at most {MOST_LEVELS} are allowed. Give less.")
    if trained and levels is None and not any(total % timesteps for total in trained):
        return {name: total or max(trained) for name, total in sites.items()}
    if trained - {chosen * timesteps}:
        numbers = " and ".join(str(total) for total in sorted(trained))
        warnings.warn(
            f"The network was trained with N={numbers} levels and is converted with N = L*T = {chosen * timesteps}; "
            f"its own accuracy belongs to N={numbers}. Give --levels and --timesteps of that product.",
            SnnconvWarning,
            stacklevel=4,
        )
    return chosen * timesteps
