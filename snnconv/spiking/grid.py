"""One network at several T, L and couplings: what can be chosen anew without images.

Weights and ceilings stay. With T alone each site keeps its N, and gets L = N/T; with other L its N = L*T is another one
than it was calibrated for. A learned coupling (LM-HT) is a matrix of T x T: it stays at its own T, whatever L is;
another T is refused. Messages of powers of two have no levels: their network has another T alone, at the same
thresholds. What a setting leaves out its note says.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from torch import fx, nn

from snnconv.errors import InvalidValueError, ModelError
from snnconv.model import ANN, SNN, Model, QuantizedANN
from snnconv.neurons import (
    Code,
    Coupling,
    Fold,
    NoForm,
    QuantizedSite,
    Repeat,
    SpikingSite,
    Steps,
    TimeMean,
    capabilities_of,
    reasons_against,
)
from snnconv.neurons.forms import StartForm
from snnconv.neurons.site import HALF, require_positive_int
from snnconv.spiking.plan import make_plan
from snnconv.spiking.sites import MOST_LEVELS, in_words, iter_sites, total_levels_of
from snnconv.spiking.unrolling import collapse, spike, unroll

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
        couplings: mean, causal, differential (code uniform), or several of them.

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
            if coupling not in (Coupling.MEAN, Coupling.CAUSAL, Coupling.DIFFERENTIAL):
                raise InvalidValueError(f"coupling is {coupling!r}: it must be 'mean', 'causal' or 'differential'.")

    def settings(self, model: Model) -> Iterator[Setting]:
        """Yield the network at every setting, one after the other; itself alone where nothing is chosen anew.

        Raises:
            ModelError: it is a plain network, its neurons have no other setting, its input changes over time, or its
                learned coupling is of another T.
            InvalidValueError: a T does not divide some site's N, or there are more levels than are allowed.
            UnsupportedOperatorsError: an operator of it would have to wait, under causal coupling.
        """
        if self == Grid():
            yield Setting(model)
            return
        if isinstance(model, SNN) and model.code is Code.POWER_OF_TWO:
            yield from self._retimed(model)
            return
        quantized = _quantized(model)
        if model.timesteps is None and self.timesteps is None:
            raise InvalidValueError("The network is quantized and has no time yet: say at which T with --timesteps.")
        present = (model.timesteps or 1,)
        couplings = tuple(map(Coupling, self.couplings)) if self.couplings else (model.coupling or Coupling.MEAN,)
        if Coupling.LEARNED in couplings:
            self._require_learned_timesteps(model)
        for coupling in couplings:
            if coupling is not Coupling.LEARNED:
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
            same = levels is None or totals == str(levels * timesteps)
            notes = ["" if same else f"calibrated for N={totals}", _left_out(model, coupling)]
            yield Setting(_at(model, quantized, timesteps, levels, coupling), "; ".join(filter(None, notes)))

    def _retimed(self, model: SNN) -> Iterator[Setting]:
        """Yield a network of power-of-two messages at every T.

        Raises:
            ModelError: L or another coupling is chosen, or its input has a frame for each step.
        """
        if self.levels is not None:
            raise ModelError(
                f"The network sends messages of K={model.octaves} sizes (power-of-two code), and has no levels: leave "
                "--levels out."
            )
        sites = [site for _, site in iter_sites(model.graph)]
        if any(coupling != Coupling.DIFFERENTIAL for coupling in self.couplings or ()):
            reason = reasons_against(sites, "other_coupling")[0]
            raise ModelError(f"The neurons of this network have no other coupling: {reason}. Leave --coupling out.")
        for timesteps in self.timesteps or (model.timesteps,):
            if timesteps == model.timesteps:
                yield Setting(model)
                continue
            if model.input.timesteps is not None:
                raise ModelError(
                    f"The network takes {model.input.timesteps} frames a sample, one a step: leave --timesteps out."
                )
            yield Setting(_with_timesteps(model, timesteps), f"thresholds of T={model.timesteps}")

    def _require_learned_timesteps(self, model: Model) -> None:
        """Refuse a T that a learned coupling is not of."""
        others = [timesteps for timesteps in self.timesteps or () if timesteps != model.timesteps]
        if others:
            source = model.provenance.get("source")
            raise ModelError(
                f"The network{f' made from {source}' if source else ''} has LM-HT neurons, whose learned coupling and "
                f"leak belong to T={model.timesteps}; at T={others[0]} there are none. Leave --timesteps out; or train "
                f"them for that T with `snnconv finetune --timesteps {others[0]}`; or name --coupling mean, which "
                "compares the same weights and ceilings without the learned coupling and leak."
            )


def _at(model: Model, quantized: Model, timesteps: int, levels: int | None, coupling: Coupling) -> Model:
    """Return the network at one setting; a learned coupling comes along."""
    if coupling is not Coupling.LEARNED:
        return spike(quantized, timesteps, levels, coupling)
    sites = {str(node.target): site for node, site in iter_sites(model.graph)}

    def neuron(node: fx.Node, activation: nn.Module) -> SpikingSite:
        site, resized = sites[str(node.target)], copy.deepcopy(activation)
        other_levels = capabilities_of(site).other_levels
        assert isinstance(resized, QuantizedSite)
        assert not isinstance(other_levels, NoForm)
        if levels is not None:
            resized.total_levels = levels * timesteps
        return other_levels(site, resized, timesteps)

    return unroll(quantized, neuron)


def _with_timesteps(model: SNN, timesteps: int) -> SNN:
    """Return a copy whose neurons, and all that lets time in and out, have another T."""
    retimed = model.copy()
    for module in retimed.graph.modules():
        if isinstance(module, (SpikingSite, Fold, Repeat, TimeMean, Steps)):
            module.timesteps = timesteps
    return retimed


def _left_out(model: Model, coupling: Coupling) -> str:
    """Return what neurons of a setting have not that the network's own have, in words; empty: nothing."""
    if model.coupling is Coupling.LEARNED and coupling is not Coupling.LEARNED:
        return "without the learned coupling and leak"
    sites = [site for _, site in iter_sites(model.graph)]
    if any(isinstance(site, SpikingSite) and site.total_levels < site.timesteps * site.levels for site in sites):
        return "a step fires no more levels than N/T"
    return "without the calibrated initial potentials" if any(map(_starts_elsewhere, sites)) else ""


def _starts_elsewhere(site: nn.Module) -> bool:
    """Return whether the neurons of a site have calibrated initial potentials."""
    start = capabilities_of(site).start if isinstance(site, SpikingSite) else None
    return isinstance(start, StartForm) and bool((start.initial(site) != HALF).any())


def _quantized(model: Model) -> Model:
    if isinstance(model, ANN):
        raise ModelError(
            "A plain network has no T, L or coupling: convert it first, or leave --timesteps, --levels and --coupling "
            "out."
        )
    if isinstance(model, QuantizedANN):
        return model
    sites = [site for _, site in iter_sites(model.graph)]
    if reasons := reasons_against(sites, "other_coupling"):
        raise ModelError(
            f"The neurons of this network have no other T, L or coupling: {reasons[0]}. Leave --timesteps, --levels "
            "and --coupling out."
        )
    return collapse(model)
