"""A quantized ANN with neurons of any name in the places of its sites, the ceilings and levels kept."""

from __future__ import annotations

from torch import fx, nn

from snnconv.errors import InvalidValueError, ModelError
from snnconv.model import SNN, QuantizedANN
from snnconv.neurons import Coupling, NeuronSettings, SpikingSite, build_neuron
from snnconv.neurons.site import Site
from snnconv.spiking.sites import total_levels_of
from snnconv.spiking.unrolling import default_levels, unroll

__all__ = ["spike_as"]


def spike_as(neuron: str, quantized: QuantizedANN, timesteps: int, coupling: Coupling) -> SNN:
    """Turn a quantized ANN into a spiking network of named neurons.

    M-HT neurons fire, over a window of constant current, the level that their quantized activation has (`spike`).
    Others fire as their own rule says, and may need other ceilings and biases to do well.

    Args:
        neuron: Name of the neurons.
        quantized: Network whose ceilings, weights, biases and levels are taken as they are.
        timesteps: T, which divides the N of every site.
        coupling: Coupling that the neurons must have.

    Raises:
        InvalidValueError: There are no such neurons, they have another coupling, or they fire no negative spikes where
            an activation can be negative.
    """

    def layer(node: fx.Node, site: nn.Module) -> SpikingSite:
        total_levels = total_levels_of(site)
        if total_levels is None or not isinstance(site, Site):
            raise ModelError(f"{node.target} is a {type(site).__name__}, not quantized: quantize the network first.")
        settings = NeuronSettings(neuron, timesteps, levels=default_levels(total_levels, timesteps))
        neurons = build_neuron(settings, site.ceiling, signed=site.signed, channel_axis=site.channel_axis)
        if neurons.coupling is not coupling:
            raise InvalidValueError(
                f"neuron is {neuron!r}, whose coupling is {neurons.coupling.value}, not {coupling.value}: give "
                f"--coupling {neurons.coupling.value}, or other neurons."
            )
        return neurons

    return unroll(quantized, layer)
