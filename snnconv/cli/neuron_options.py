"""Options of the neurons that a network is trained with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from snnconv.cli.names import NameChoice
from snnconv.cli.options import require
from snnconv.cli.setting_options import setting_options
from snnconv.finetune.settings import neuron_names
from snnconv.neuron_options import NEURON_WORDS, NeuronOptions
from snnconv.options import options_of

if TYPE_CHECKING:
    from snnconv.neurons import NeuronSettings

__all__ = ["neuron_options", "neuron_settings"]

Command = TypeVar("Command", bound=Callable[..., Any])

NEURON_HELP = (
    f"Neurons of a spiking network that is trained from scratch: {NEURON_WORDS}.  [default: none, a quantized network]"
)


def neuron_options(command: Command) -> Command:
    """Add `--neuron` and the options of `NeuronSettings`."""
    command = setting_options(NeuronOptions, without=("kind",), unset=True)(command)
    return click.option("--neuron", type=NameChoice(neuron_names), metavar="NAME", help=NEURON_HELP)(command)


def neuron_settings(options: dict[str, Any]) -> NeuronSettings | None:
    """Return the neurons that the options state, or None for a quantized network.

    Raises:
        InvalidValueError: An option of neurons is given without a neuron, or a value is outside what is allowed.
    """
    from snnconv.neurons import NeuronSettings

    values = {name: options[name] for name in options_of(NeuronOptions) if name in options}
    stated = {name: value for name, value in values.items() if value is not None and value is not False}
    if options["neuron"] is not None:
        return NeuronSettings(options["neuron"], **stated)
    named = ", ".join(f"--{name}" for name in stated)
    require(not stated, f"{named}: only neurons have that; give --neuron too, or leave it out.")
    return None
