"""The number of levels of each site where a user states it, or a quantized network has its own."""

from __future__ import annotations

import warnings

from snnconv.convert.calibration.stated_levels import largest_stated_level
from snnconv.convert.calibration.walk import Levels
from snnconv.errors import InvalidValueError, SnnconvWarning
from snnconv.model import Model
from snnconv.spiking.signals import reads_signals
from snnconv.spiking.sites import MOST_LEVELS, iter_sites, total_levels_of
from snnconv.spiking.unrolling import default_levels

__all__ = ["DEFAULT_LEVELS", "FEWEST_OF_SIGNALS", "LEVELS_OF_SIGNALS", "default_reason", "fixed_levels"]

DEFAULT_LEVELS = 4
LEVELS_OF_SIGNALS = 256  # N by default where neurons fire norms, softmaxes or sides of products
FEWEST_OF_SIGNALS = 64  # N of them, below which such networks lose their answers (docs/transformers.md)


def default_reason(ann: Model, timesteps: int, levels: int | None) -> str:
    """Return why a network gets other levels by default than most do, a clause; empty where it does not.

    Args:
        ann: Network that is converted.
        timesteps: T.
        levels: L as it is asked for, or None.
    """
    trained = any(total_levels_of(site) is not None for _, site in iter_sites(ann.graph))
    if levels is not None or trained:
        return ""
    if (stated := largest_stated_level(ann.graph)) is not None and stated <= LEVELS_OF_SIGNALS:
        return f"activations are rounded already (QuantizeLinear), to levels that N={stated} reaches"
    if not reads_signals(ann.graph):
        return ""
    return (
        f"neurons fire norms, softmaxes or sides of products (attention), whose values take about "
        f"N={LEVELS_OF_SIGNALS} levels, where rectifiers take {DEFAULT_LEVELS * timesteps}"
    )


def fixed_levels(ann: Model, timesteps: int, levels: int | None) -> Levels:
    """Return N of every site: T times L; of a quantized ANN its own N, where T divides it and no L is asked for.

    By default L is 4; as much as N = 256 takes where neurons fire norms, softmaxes or sides of products; and where the
    file rounds activations itself, as much as their levels take, up to N = 256.

    Args:
        ann: Network that is converted.
        timesteps: T.
        levels: L, or None.

    Raises:
        InvalidValueError: N is beyond what is allowed.

    Warns:
        SnnconvWarning: A quantized ANN gets another N than its own, or so few levels are asked for that a network with
            norms or attention loses its answers.
    """
    sites = {str(node.target): total_levels_of(site) for node, site in iter_sites(ann.graph)}
    trained = {total for total in sites.values() if total is not None}
    signals = reads_signals(ann.graph)
    usual = _usual_levels(ann, timesteps, signals=signals)
    chosen = levels or (default_levels(max(trained), timesteps) if trained else usual)
    if chosen * timesteps > MOST_LEVELS:
        raise InvalidValueError(f"N = L*T = {chosen * timesteps} levels; at most {MOST_LEVELS} are allowed. Give less.")
    if signals and not trained and chosen * timesteps < FEWEST_OF_SIGNALS:
        warnings.warn(
            f"N = L*T = {chosen * timesteps} levels are few for a network with norms, softmaxes or attention: below "
            f"N={FEWEST_OF_SIGNALS} such networks lose many of their answers. Give --total-levels {FEWEST_OF_SIGNALS} "
            f"or more ({LEVELS_OF_SIGNALS} by default), or take --coupling differential, which needs few steps.",
            SnnconvWarning,
            stacklevel=4,
        )
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


def _usual_levels(ann: Model, timesteps: int, *, signals: bool) -> int:
    """Return L where none is asked for and the network was not trained with one."""
    stated = largest_stated_level(ann.graph) or 0
    total = max(stated if stated <= LEVELS_OF_SIGNALS else 0, LEVELS_OF_SIGNALS if signals else 0)
    return default_levels(total, timesteps) if total else DEFAULT_LEVELS
