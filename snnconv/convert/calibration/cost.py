"""Estimates of the time that work takes on two cores, made from the graph, so that choices are the same everywhere."""

from __future__ import annotations

import math

from snnconv.graph.access import calls, module_of
from snnconv.graph.linear import LINEAR
from snnconv.model import Model

__all__ = ["estimated_seconds", "forward_seconds"]

MACS_PER_SECOND, VALUES_PER_SECOND = 8e10, 3e8


def forward_seconds(model: Model) -> float:
    """Return the seconds of one image by itself; many at a time, channels last, take down to a third of it."""
    macs = values = 0
    for node in calls(model.graph):
        size = math.prod(node.meta["shape"])
        values += size
        module = module_of(model.graph, node)
        if isinstance(module, LINEAR):
            macs += size * math.prod(module.weight.shape[1:])
    return macs / MACS_PER_SECOND + values / VALUES_PER_SECOND


def estimated_seconds(ann: Model, images: int, epochs: int) -> float:
    """Return the seconds that a reconstruction of so many epochs takes, about."""
    return images * forward_seconds(ann) * (2 + epochs)
