"""Options of the neurons that a network is trained with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from snnconv.cli.names import NameChoice
from snnconv.cli.options import require
from snnconv.finetune.settings import neuron_names
from snnconv.options import MOST_LEVELS, MOST_TIMESTEPS

if TYPE_CHECKING:
    from snnconv.neurons import NeuronSettings

__all__ = ["neuron_options", "neuron_settings"]

Command = TypeVar("Command", bound=Callable[..., Any])

OPTIONS = ("timesteps", "levels", "ceiling", "decay", "reset", "mpr", "surrogate", "coupling", "initial")


def neuron_options(command: Command) -> Command:
    """Add `--neuron` and the options of `NeuronSettings`."""
    for option in reversed(
        (
            click.option(
                "--neuron",
                type=NameChoice(neuron_names),
                help="Neurons of a spiking network that is trained from scratch.  [default: none, a quantized network]",
            ),
            click.option(
                "-T",
                "--timesteps",
                type=click.IntRange(1, MOST_TIMESTEPS),
                metavar="T",
                help="Time steps of the neurons.  [default: 4]",
            ),
            click.option(
                "-L",
                "--levels",
                type=click.IntRange(1, MOST_LEVELS),
                metavar="L",
                help="Firing levels of a step.  [default: mht, lmht 2; if, lif 1; mlf 3]",
            ),
            click.option("--reset", type=click.Choice(["soft", "hard"]), help="Reset of if and lif.  [default: soft]"),
            click.option(
                "--initial",
                type=float,
                metavar="V",
                help="Membrane potential of lmht that a window starts with, in thresholds.  [default: 0.5]",
            ),
            click.option(
                "--decay",
                type=float,
                help="Share of the potential of lif and mlf that is left after a step.  [default: 0.25]",
            ),
            click.option(
                "--mpr", is_flag=True, help="Training with the membrane potential rectifier, for all neurons but mlf."
            ),
            click.option(
                "--surrogate",
                metavar="NAME[:NUMBER]",
                help="Surrogate of if, lif and mlf: rectangular, triangular, tanh, arctan or sigmoid.  [default: "
                "rectangular:1]",
            ),
            click.option(
                "--coupling", type=click.Choice(["mean", "causal"]), help="Coupling of mht.  [default: causal]"
            ),
            click.option(
                "--ceiling", type=float, help="Largest mean output of a neuron.  [default: mht, lmht 2; else L]"
            ),
        )
    ):
        command = option(command)
    return command


def neuron_settings(options: dict[str, Any]) -> NeuronSettings | None:
    """Return the neurons that the options state, or None for a quantized network.

    Raises:
        InvalidValueError: An option of neurons is given without a neuron, or a value is outside what is allowed.
    """
    from snnconv.neurons import NeuronSettings

    stated = {name: options[name] for name in OPTIONS if options[name] is not None and options[name] is not False}
    if options["neuron"] is not None:
        return NeuronSettings(options["neuron"], **stated)
    named = ", ".join(f"--{name}" for name in stated)
    require(not stated, f"{named}: only neurons have that; give --neuron too, or leave it out.")
    return None
