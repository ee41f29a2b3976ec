"""The options that make a layer of neurons: the language of the command line, of recipes and of files."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from snnconv.errors import InvalidValueError
from snnconv.neuron_options import NeuronOptions
from snnconv.neurons.capabilities import NEURONS, capabilities_named
from snnconv.neurons.forms import NamedNeuron, NoForm
from snnconv.neurons.site import SpikingSite
from snnconv.neurons.surrogate import parse_surrogate
from snnconv.options import documented

__all__ = ["NeuronSettings", "build_neuron"]

OPTIONS = ("decay", "reset", "mpr", "surrogate", "coupling", "initial")  # that only some neurons have


@documented
@dataclass(frozen=True)
class NeuronSettings(NeuronOptions):
    """Options of one kind of neuron; None stands for the kind's own default.

    Raises:
        InvalidValueError: No such neuron is registered, it has no such option, or a value is outside what is allowed.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        neuron = NEURONS[self.kind]
        for option in OPTIONS:
            value = getattr(self, option)
            if value is not None and value is not False and option not in neuron.options:
                owners = ", ".join(name for name in NEURONS if option in NEURONS[name].options)
                raise InvalidValueError(f"neuron {self.kind!r} has no option {option!r}; it belongs to: {owners}.")
        if self.surrogate is not None:
            parse_surrogate(self.surrogate)

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
