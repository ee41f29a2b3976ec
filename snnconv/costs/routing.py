"""Unit spikes on their way from the sites that fire them to the synapses where they land.

A count tensor `[B, ...]` stands beside an activation that is made of spikes: at each position the number of
unit spikes (a spike of level k is k of them) over the whole window. Operators that route, pool, scale or join
spikes pass counts on, each as its record states: a pooled spike is routed to every window that it is in, and what a
mean divides by belongs to the next synapse's weight, as a constant factor does.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from snnconv.graph.operator import NoForm, operator_of
from snnconv.neurons import QuantizedSite, SpikingSite, unfold_time

__all__ = ["fired_levels", "route"]


def fired_levels(site: nn.Module, activation: Tensor) -> tuple[Tensor, int] | None:
    """Return what a site fires over its window.

    Args:
        site: Any module.
        activation: Output of the site, `[B, ...]` of a quantized activation, `[T*B, ...]` of neurons.

    Returns:
        Unit spikes `[B, ...]` and the most there can be, N; None where the module does not fire levels. A spike of
        level -k is k unit spikes too. (A mean-coupled window holds spikes of one sign only, so that the levels of the
        quantized network count as many.)
    """
    if isinstance(site, QuantizedSite):
        levels = (activation * site.total_levels / site.ceiling_for(activation)).round()
        return levels.abs() if site.signed else levels, site.total_levels
    if isinstance(site, SpikingSite):
        steps = (activation * site.levels / site.ceiling_for(activation)).round()
        return unfold_time(steps.abs() if site.signed else steps, site.timesteps).sum(0), site.total_levels
    return None


def route(module: nn.Module, operands: Sequence[Tensor | None]) -> Tensor | None:
    """Return the counts of an operator's output, or None where the output is not made of spikes alone.

    Args:
        module: Operator that is no site.
        operands: Counts `[B, ...]` of its operands, None for real-valued ones.

    Raises:
        ModelError: The operator has no record.
    """
    counts = [operand for operand in operands if operand is not None]
    if not counts or len(counts) < len(operands):
        return None
    routes = operator_of(module).routes
    return None if isinstance(routes, NoForm) else routes(module, counts)
