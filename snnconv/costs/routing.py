"""Spikes on their way from the sites that fire them to the synapses that they reach.

A count tensor stands beside an activation that is made of spikes: at each position the number of spikes over the whole
window, and over the batch. It holds the three counts (`SpikeCounts`) in the batch's place, `[3, ...]`: nothing that
moves spikes mixes members of a batch, so that they are moved as three members would be. Operators that route, pool,
scale or join spikes pass counts on, each as its record states: a pooled spike is routed to every window that it is in,
and what a mean divides by belongs to the next synapse's weight, as a constant factor does.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from snnconv.graph.operator import NoForm, operator_of
from snnconv.neurons import QuantizedSite, SpikingSite, capabilities_of
from snnconv.neurons.forms import SpikeForm
from snnconv.neurons.spike_counts import SpikeCounts

__all__ = ["fired_spikes", "route", "spike_form"]


def spike_form(module: nn.Module) -> SpikeForm | None:
    """Return how the spikes of a site are counted; None where it fires none that are known, or is no site of levels."""
    if not isinstance(module, (QuantizedSite, SpikingSite)):
        return None
    form = capabilities_of(module).spikes
    return None if isinstance(form, NoForm) else form


def fired_spikes(site: nn.Module, activation: Tensor, timesteps: int = 1) -> SpikeCounts | None:
    """Return the spikes that a site fires over its window, in the three counts.

    Args:
        site: Any module.
        activation: Output of the site, `[B, ...]` of a quantized activation, `[T*B, ...]` of neurons.
        timesteps: T of the neurons that a quantized activation stands for.

    Returns:
        Spikes `[B, ...]` in each count; None where the module does not fire any.
    """
    form = spike_form(site)
    return None if form is None else form.count(site, activation, timesteps)


def route(module: nn.Module, operands: Sequence[Tensor | None]) -> Tensor | None:
    """Return the counts of an operator's output, or None where the output is not made of spikes alone.

    Args:
        module: Operator that is no site.
        operands: Counts `[3, ...]` of its operands, None for real-valued ones.

    Raises:
        ModelError: The operator has no record.
    """
    counts = [operand for operand in operands if operand is not None]
    if not counts or len(counts) < len(operands):
        return None
    routes = operator_of(module).routes
    return None if isinstance(routes, NoForm) else routes(module, counts)
