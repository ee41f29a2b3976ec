"""One network at several T, L and couplings: what can be chosen anew without images.

Weights and ceilings stay. With T alone each site keeps its N, and gets L = N/T; with other L its N = L*T is another one
than it was calibrated for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from snnconv.errors import InvalidValueError, ModelError
from snnconv.model import Model, Stage
from snnconv.neurons import Coupling, reasons_against
from snnconv.neurons.site import require_positive_int
from snnconv.spiking.plan import make_plan
from snnconv.spiking.sites import MOST_LEVELS, in_words, iter_sites, total_levels_of
from snnconv.spiking.unrolling import collapse, spike

__all__ = ["Grid", "Setting"]


@dataclass(frozen=True)
class Setting:
    """A network at one T, L and coupling, and what is to be known of it."""

    model: Model
    note: str = ""


@dataclass(frozen=True)
class Grid:
    """The settings that are chosen anew; None: as the network has it.

    Attributes:
        timesteps: the T to try.
        levels: the L to try, of all sites; None: each site keeps its N, which every T must divide.
        couplings: mean, causal, or both.

    Raises:
        InvalidValueError: a T or L is not a positive integer, or a coupling is unknown.
    """

    timesteps: tuple[int, ...] | None = None
    levels: tuple[int, ...] | None = None
    couplings: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("timesteps", "levels"):
            for value in getattr(self, name) or ():
                require_positive_int(name, value)
        for coupling in self.couplings or ():
            if coupling not in (Coupling.MEAN, Coupling.CAUSAL):
                raise InvalidValueError(f"coupling is {coupling!r}: it must be 'mean' or 'causal'.")

    def settings(self, model: Model) -> Iterator[Setting]:
        """Yield the network at every setting, one after the other; itself alone where nothing is chosen anew.

        Raises:
            ModelError: it is a plain network, its neurons have no other setting, or its input changes over time.
            InvalidValueError: a T does not divide some site's N, or there are more levels than are allowed.
            UnsupportedOperatorsError: an operator of it would have to wait, under causal coupling.
        """
        if self == Grid():
            yield Setting(model)
            return
        quantized = _quantized(model)
        if model.timesteps is None and self.timesteps is None:
            raise InvalidValueError("The network is quantized and has no time yet: say at which T with --timesteps.")
        present = (model.timesteps or 1,)
        couplings = tuple(Coupling(name) for name in self.couplings) if self.couplings else (_coupling(model),)
        for coupling in couplings:
            make_plan(quantized, coupling).require()
        totals = in_words(total for _, site in iter_sites(quantized.graph) if (total := total_levels_of(site)))
        for timesteps, levels, coupling in product(self.timesteps or present, self.levels or (None,), couplings):
            if levels is not None and levels * timesteps > MOST_LEVELS:
                raise InvalidValueError(
                    f"N = L*T = {levels * timesteps} levels; at most {MOST_LEVELS} are allowed. Give less."
                )
            if levels is None and (timesteps, coupling) == (model.timesteps, model.coupling):
                yield Setting(model)
                continue
            variant = spike(quantized, timesteps, levels, coupling)
            same = levels is None or totals == str(levels * timesteps)
            yield Setting(variant, "" if same else f"calibrated for N={totals}")


def _quantized(model: Model) -> Model:
    if model.stage is Stage.ANN:
        raise ModelError(
            "A plain network has no T, L or coupling: convert it first, or leave --timesteps, --levels and --coupling "
            "out."
        )
    if model.stage is Stage.QUANTIZED:
        return model
    sites = [site for _, site in iter_sites(model.graph)]
    if reasons := reasons_against(sites, "other_coupling"):
        raise ModelError(
            f"The neurons of this network have no other T, L or coupling: {reasons[0]}. Leave --timesteps, --levels "
            "and --coupling out."
        )
    return collapse(model)


def _coupling(model: Model) -> Coupling:
    return Coupling.CAUSAL if model.coupling is Coupling.CAUSAL else Coupling.MEAN
