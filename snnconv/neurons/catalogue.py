"""The options that make a layer of neurons: the language of the command line, of recipes and of files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import get_args

from torch import Tensor

from snnconv.errors import InvalidValueError
from snnconv.neurons.capabilities import NEURONS, capabilities_named
from snnconv.neurons.forms import NamedNeuron, NoForm
from snnconv.neurons.lif.function import Reset
from snnconv.neurons.site import SpikingSite, require_positive_int
from snnconv.neurons.surrogate import parse_surrogate

__all__ = ["NeuronSettings", "build_neuron"]

OPTIONS = ("decay", "reset", "mpr", "surrogate", "coupling", "initial")  # that only some neurons have


@dataclass(frozen=True)
class NeuronSettings:
    """Options of one kind of neuron; None stands for the kind's own default.

    Attributes:
        kind: Name of the neuron: mht, lmht, if, lif, mlf or one that a plug-in registers.
        timesteps: T.
        levels: L (K of mlf); by default 2 of mht and lmht, 1 of if and lif, 3 of mlf.
        ceiling: λ at the start of a training from scratch; by default 2 of mht and lmht (θ = 2/L), else L (θ = 1).
        decay: Share of the potential that is left after a step, for lif and mlf; by default 0.25.
        reset: Reset of if and lif: soft (default) or hard.
        mpr: Training with the membrane potential rectifier, for mht, lmht, if and lif.
        surrogate: Surrogate of if, lif and mlf, `NAME` or `NAME:NUMBER`; by default rectangular:1.
        coupling: Coupling of mht: causal (default) or mean.
        initial: v_0 of lmht in units of θ. By default 1/2, where levels round to the nearest; networks that the paper
            trains from scratch start at 0, where they round down.

    Raises:
        InvalidValueError: no such neuron is registered, it has no such option, or a value is outside what is allowed.
    """

    kind: str = "lmht"
    timesteps: int = 4
    levels: int | None = None
    ceiling: float | None = None
    decay: float | None = None
    reset: str | None = None
    mpr: bool = False
    surrogate: str | None = None
    coupling: str | None = None
    initial: float | None = None

    def __post_init__(self) -> None:
        neuron = NEURONS[self.kind]
        require_positive_int("timesteps", self.timesteps)
        if self.levels is not None:
            require_positive_int("levels", self.levels)
        for option in OPTIONS:
            value = getattr(self, option)
            if value is not None and value is not False and option not in neuron.options:
                owners = ", ".join(name for name in NEURONS if option in NEURONS[name].options)
                raise InvalidValueError(f"neuron {self.kind!r} has no option {option!r}; it belongs to: {owners}.")
        self._require("ceiling", self.ceiling is None or 0 < self.ceiling < math.inf, "a finite number above 0")
        self._require("decay", self.decay is None or 0 <= self.decay <= 1, "a number from 0 to 1")
        self._require("initial", self.initial is None or 0 <= self.initial <= 1, "a number from 0 to 1")
        self._require("reset", self.reset in (None, *get_args(Reset)), f"one of {', '.join(get_args(Reset))}")
        self._require("coupling", self.coupling in (None, "mean", "causal"), "mean or causal")
        if self.surrogate is not None:
            parse_surrogate(self.surrogate)

    def _require(self, name: str, holds: bool, allowed: str) -> None:
        if not holds:
            raise InvalidValueError(f"{name} is {getattr(self, name)!r}: it must be {allowed}.")

    @property
    def neuron(self) -> NamedNeuron:
        """The neuron that the kind names."""
        return NEURONS[self.kind]

    @property
    def firing_levels(self) -> int:
        """L, by default the kind's own."""
        return self.levels or self.neuron.levels

    @property
    def initial_ceiling(self) -> float:
        """λ at the start of a training from scratch."""
        return self.ceiling or self.neuron.ceiling(self.firing_levels)

    @property
    def share_left(self) -> float:
        """Share of the potential that is left after a step, by default the kind's own."""
        return self.neuron.decay if self.decay is None else self.decay

    @property
    def norm_threshold(self) -> float:
        """The scale of batch-norms before such neurons (tdBN), in units of the current.

        It is the potential at which the first spike begins. Multi-threshold neurons keep the deviation 1 of batch-norm
        at their ceiling of 2, whatever L: it is their range that currents must fill.
        """
        return self.neuron.norm_threshold(self.initial_ceiling, self.firing_levels)


def build_neuron(
    settings: NeuronSettings, ceiling: Tensor, *, signed: bool = False, channel_axis: int = 1
) -> SpikingSite:
    """Build a layer of neurons.

    Args:
        settings: Kind and its options.
        ceiling: λ, scalar or `[C]`.
        signed: Negative levels beside positive ones.
        channel_axis: Axis of the channels.

    Raises:
        InvalidValueError: neurons of this kind cannot be signed.
    """
    if signed and (refusal := _why_unsigned(settings.kind)) is not None:
        signed_names = ", ".join(name for name in NEURONS if _why_unsigned(name) is None)
        raise InvalidValueError(
            f"neuron is {settings.kind!r}: {refusal}, and the network has an activation that can be negative. It must "
            f"be one of {signed_names}."
        )
    return settings.neuron.build(settings, ceiling, signed, channel_axis)


def _why_unsigned(name: str) -> str | None:
    """Return why neurons of this name fire no negative levels; None where they do."""
    form = capabilities_named(name).signed
    return form.reason if isinstance(form, NoForm) else None
