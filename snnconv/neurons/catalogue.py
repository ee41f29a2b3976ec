"""The neurons by name, and the choices that make one: what the command line, recipes and files speak of."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from torch import Tensor

from snnconv.errors import InvalidValueError
from snnconv.neurons.coupling import Coupling
from snnconv.neurons.leaky import Leaky, Reset
from snnconv.neurons.learnable import LearnableMultiThreshold
from snnconv.neurons.multilevel import FIRST, MultiLevel
from snnconv.neurons.multithreshold import MultiThreshold
from snnconv.neurons.site import SpikingSite, require_positive_int
from snnconv.neurons.surrogate import parse_surrogate

__all__ = ["NEURONS", "NeuronSettings", "build_neuron"]


@dataclass(frozen=True)
class _Kind:
    """What a name stands for.

    Attributes:
        words: in the field's terms.
        levels: L where none is given.
        ceiling: λ of a network trained from scratch, of L.
        first: where the first spike begins, in units of θ: what threshold-dependent batch-norm scales to.
        choices: those of `NeuronSettings` that it has, beside T, L and ceiling.
        decay: where none is given.
    """

    words: str
    levels: int
    ceiling: Callable[[int], float]
    first: float
    choices: frozenset[str]
    decay: float = 1.0


_LEAKY = frozenset({"reset", "mpr", "surrogate"})
_LEARNED = frozenset({"mpr", "initial"})
SIGNED = ("mht", "lmht")  # kinds that can fire negative levels

NEURONS: dict[str, _Kind] = {
    "mht": _Kind("M-HT, multi-threshold, fixed coupling", 2, lambda _: 2.0, 1.0, frozenset({"mpr", "coupling"})),
    "lmht": _Kind("LM-HT, multi-threshold, learned coupling and leak", 2, lambda _: 2.0, 1.0, _LEARNED),
    "if": _Kind("IF, integrate and fire", 1, float, 0.5, _LEAKY),
    "lif": _Kind("LIF, leaky integrate and fire", 1, float, 0.5, _LEAKY | {"decay"}, decay=0.25),
    "mlf": _Kind("MLF, multi-level firing", 3, float, FIRST, frozenset({"surrogate", "decay"}), decay=0.25),
}


@dataclass(frozen=True)
class NeuronSettings:
    """Choices of one kind of neuron; None stands for the kind's own default.

    Attributes:
        kind: mht, lmht, if, lif or mlf.
        timesteps: T.
        levels: L (K of mlf); by default 2 of mht and lmht, 1 of if and lif, 3 of mlf.
        ceiling: λ at the start of a training from scratch; by default 2 of mht and lmht (θ = 2/L), else L (θ = 1).
        decay: of lif and mlf: share of the potential that is left after a step; by default 0.25.
        reset: of if and lif: soft (default) or hard.
        mpr: of mht, lmht, if and lif: train with the membrane potential rectifier.
        surrogate: of if, lif and mlf, `NAME` or `NAME:NUMBER`; by default rectangular:1.
        coupling: of mht: causal (default) or mean.
        initial: of lmht: v_0 in units of θ. By default 1/2, where levels round to the nearest; networks that the paper
            trains from scratch start at 0, where they round down.

    Raises:
        InvalidValueError: a value is outside what is allowed, or the kind has no such choice.
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
        if self.kind not in NEURONS:
            raise InvalidValueError(f"neuron is {self.kind!r}: it must be one of {', '.join(NEURONS)}.")
        require_positive_int("timesteps", self.timesteps)
        if self.levels is not None:
            require_positive_int("levels", self.levels)
        for name in ("decay", "reset", "mpr", "surrogate", "coupling", "initial"):
            if (
                getattr(self, name) is not None
                and getattr(self, name) is not False
                and name not in NEURONS[self.kind].choices
            ):
                having = ", ".join(kind for kind, known in NEURONS.items() if name in known.choices)
                raise InvalidValueError(
                    f"{name} is {getattr(self, name)!r}, which a neuron {self.kind} has not: {having} have."
                )
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
    def firing_levels(self) -> int:
        """L, the kind's own where none is given."""
        return self.levels or NEURONS[self.kind].levels

    @property
    def initial_ceiling(self) -> float:
        """λ at the start of a training from scratch."""
        return self.ceiling or NEURONS[self.kind].ceiling(self.firing_levels)

    @property
    def norm_threshold(self) -> float:
        """What batch-norms before such neurons are scaled to (tdBN), in units of the current.

        The potential at which the first spike begins. Multi-threshold neurons keep the deviation 1 of batch-norm at
        their ceiling of 2, whatever L: it is their range that currents must fill.
        """
        if self.kind in ("mht", "lmht"):
            return self.initial_ceiling / 2
        return NEURONS[self.kind].first * self.initial_ceiling / self.firing_levels


def build_neuron(
    settings: NeuronSettings, ceiling: Tensor, *, signed: bool = False, channel_axis: int = 1
) -> SpikingSite:
    """A layer of neurons.

    Args:
        settings: the kind and its choices.
        ceiling: λ, scalar or `[C]`.
        signed: whether negative levels are fired too.
        channel_axis: axis of the channels.

    Raises:
        InvalidValueError: neurons of this kind cannot be signed.
    """
    if signed and settings.kind not in SIGNED:
        raise InvalidValueError(
            f"neuron is {settings.kind!r}, which fires no negative spikes, and the network has an activation that can "
            f"be negative: it must be one of {', '.join(SIGNED)}."
        )
    steps, levels = settings.timesteps, settings.firing_levels
    if settings.kind == "mht":
        coupling = Coupling(settings.coupling or "causal")
        return MultiThreshold(
            ceiling, steps, levels, coupling=coupling, rectified=settings.mpr, signed=signed, channel_axis=channel_axis
        )
    if settings.kind == "lmht":
        initial = 0.5 if settings.initial is None else settings.initial
        return LearnableMultiThreshold(
            ceiling, steps, levels, initial=initial, rectified=settings.mpr, signed=signed, channel_axis=channel_axis
        )
    decay = NEURONS[settings.kind].decay if settings.decay is None else settings.decay
    surrogate = settings.surrogate or "rectangular"
    if settings.kind == "mlf":
        return MultiLevel(ceiling, steps, levels, decay=decay, surrogate=surrogate, channel_axis=channel_axis)
    return Leaky(
        ceiling,
        steps,
        levels,
        decay=decay,
        reset="hard" if settings.reset == "hard" else "soft",
        rectified=settings.mpr,
        surrogate=surrogate,
        channel_axis=channel_axis,
    )
