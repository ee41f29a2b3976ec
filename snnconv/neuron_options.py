"""Options of a layer of neurons, without the neurons: the command line reads them without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from snnconv.options import MOST_LEVELS, MOST_TIMESTEPS, Settings, documented, option

__all__ = ["NEURON_WORDS", "NeuronOptions"]

NEURON_WORDS = "mht, lmht, if, lif, mlf, or one that a plug-in registers"  # for help texts, which load no neurons


@documented
@dataclass(frozen=True)
class NeuronOptions(Settings):
    """Options of a layer of neurons; `snnconv.NeuronSettings` adds the neurons that they are checked against."""

    kind: str = option("lmht", f"Name of the neuron: {NEURON_WORDS}.")
    timesteps: int = option(
        4, "Time steps T of the neurons.", names=("-T", "--timesteps"), metavar="T", least=1, most=MOST_TIMESTEPS
    )
    levels: int | None = option(
        None,
        "Firing levels L of a step (K of mlf).",
        names=("-L", "--levels"),
        metavar="L",
        least=1,
        most=MOST_LEVELS,
        otherwise="mht, lmht 2; if, lif 1; mlf 3",
    )
    ceiling: float | None = option(
        None,
        "Ceiling λ, the largest mean output, at the start of a training from scratch.",
        above=0,
        otherwise="mht, lmht 2 (threshold 2/L); else L (threshold 1)",
    )
    decay: float | None = option(
        None,
        "Share of the potential that is left after a step, for lif and mlf.",
        least=0,
        most=1,
        otherwise="0.25",
    )
    reset: Literal["soft", "hard"] | None = option(None, "Reset of if and lif.", otherwise="soft")
    mpr: bool = option(False, "Training with the membrane potential rectifier, for all neurons but mlf.")
    surrogate: str | None = option(
        None,
        "Surrogate of if, lif and mlf: rectangular, triangular, tanh, arctan or sigmoid, and its number.",
        metavar="NAME[:NUMBER]",
        otherwise="rectangular:1",
    )
    coupling: Literal["mean", "causal"] | None = option(None, "Coupling of mht.", otherwise="causal")
    initial: float | None = option(
        None,
        "Membrane potential of lmht at the start of a window, in thresholds. At 0.5 levels round to the nearest; "
        "networks that the paper trains from scratch start at 0, where they round down.",
        metavar="V",
        least=0,
        most=1,
        otherwise="0.5",
    )
