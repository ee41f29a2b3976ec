"""What work takes, about, on two cores: estimated from the graph, so that choices are the same everywhere."""

from __future__ import annotations

import math

from snnconv.graph.access import calls, module_of
from snnconv.graph.linear import LINEAR
from snnconv.model import Model

__all__ = ["forward_seconds"]

MACS_PER_SECOND, VALUES_PER_SECOND = 8e10, 3e8


def forward_seconds(model: Model) -> float:
    """Of one image by itself through a network; many at a time, channels last, take down to a third of it."""
    multiplied = values = 0
    for node in calls(model.graph):
        size = math.prod(node.meta["shape"])
        values += size
        module = module_of(model.graph, node)
        if isinstance(module, LINEAR):
            multiplied += size * math.prod(module.weight.shape[1:])
    return multiplied / MACS_PER_SECOND + values / VALUES_PER_SECOND
