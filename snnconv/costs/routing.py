"""Unit spikes on their way from the sites that fire them to the synapses where they land.

A count tensor `[B, ...]` stands beside an activation that is made of spikes: at each position the number of
unit spikes (a spike of level k is k of them) over the whole window. Operators that route, pool, scale or join
spikes pass counts on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from snnconv.graph.modules import (
    MOVES,
    Arithmetic,
    AveragePool,
    Concat,
    Pad,
    ReduceMean,
    ReduceSum,
    Resize,
)
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
    """Counts of an operator's output, or None where the output is not made of spikes alone.

    A pooled spike is routed to every window that it is in: what a mean divides by belongs to the next
    synapse's weight. So does a constant factor, and a constant summand belongs to the next bias.

    Args:
        module: the operator; not a site.
        operands: counts `[B, ...]` of its operands, None for real-valued ones.
    """
    counts = [operand for operand in operands if operand is not None]
    if not counts or len(counts) < len(operands):
        return None
    if isinstance(module, Arithmetic):
        return _combine(module, counts)
    if isinstance(module, Pad):
        padded: Tensor = Pad(module.pads, module.mode)(counts[0])
        return padded
    if isinstance(module, Concat):
        silent = {place: torch.zeros_like(module.get_buffer(f"constant{place}")) for place in module.positions}
        joined: Tensor = Concat(module.axis, silent)(*counts)
        return joined
    if isinstance(module, AveragePool):
        mean = AveragePool(module.kernel, module.stride, module.pads, count_include_pad=True)(counts[0])
        summed: Tensor = mean * math.prod(module.kernel)
        return summed + (summed.round() - summed).detach()  # whole spikes; to a gradient, the sum that it is
    if isinstance(module, (ReduceMean, ReduceSum)):
        return counts[0].sum(module.axes, keepdim=module.keepdims)
    moves = isinstance(module, MOVES) or (isinstance(module, Resize) and module.mode == "nearest")
    return module(counts[0]) if moves else None


def _combine(module: Arithmetic, counts: Sequence[Tensor]) -> Tensor | None:
    if module.constant is not None:
        if module.operator == "div" and module.constant_first:
            return None
        return counts[0].expand_as(counts[0] + module.constant)
    return counts[0] + counts[1] if module.operator in ("add", "sub") else None
