"""Thresholds of the neurons further on, which say how fine a layer's integers have to be."""

from __future__ import annotations

import numpy as np
import torch
from torch import fx

from snnconv.formats.hardware.layers import Array
from snnconv.graph.access import module_of
from snnconv.graph.linear import LINEAR
from snnconv.neurons import NoForm, QuantizedSite, Site, SpikingSite, capabilities_of
from snnconv.neurons.site import along_channels

__all__ = ["thresholds_ahead", "thresholds_of"]


def thresholds_of(site: Site, rank: int) -> Array:
    """Return what the integer 1 of a site stands for, for a sample of this rank.

    It is λ/L of neurons at a step, λ/N of a quantized activation, the smallest message of sigma-delta neurons.
    """
    assert isinstance(site, (QuantizedSite, SpikingSite))
    form = capabilities_of(site).integers
    share = 1 / site.total_levels if isinstance(form, NoForm) else form(site).share
    ceiling = along_channels(site.ceiling.detach().to(torch.float64), rank + 1, site.channel_axis).cpu().numpy()
    threshold = np.asarray(ceiling * share)
    return threshold.reshape((1,) * (rank - threshold.ndim) + threshold.shape)


def thresholds_ahead(graph: fx.GraphModule, node: fx.Node, axis: int) -> Array | None:
    """Return the lowest threshold that each channel meets before the next weights, `[C]`; None where it meets none.

    Args:
        graph: Graph of the network.
        node: Node whose output has the channels.
        axis: Axis of the channels in a sample of its output.
    """
    shape = node.meta["shape"]
    thresholds: list[Array] = []
    waiting, seen = list(node.users), set(node.users)
    while waiting:
        user = waiting.pop()
        if user.op != "call_module":
            continue
        module = module_of(graph, user)
        if isinstance(module, Site):
            user_shape = user.meta["shape"]
            threshold = thresholds_of(module, len(user_shape))
            aligned = len(user_shape) == len(shape) and user_shape[axis] == shape[axis]
            aligned = aligned and all(size == 1 for at, size in enumerate(threshold.shape) if at != axis)
            thresholds.append(threshold.reshape(-1) if aligned else threshold.min().reshape(1))
        elif not isinstance(module, LINEAR):
            fresh = [reader for reader in user.users if reader not in seen]
            seen.update(fresh)
            waiting += fresh
    if not thresholds:
        return None
    lowest: Array = np.minimum.reduce([np.broadcast_to(values, (shape[axis],)) for values in thresholds])
    return lowest
