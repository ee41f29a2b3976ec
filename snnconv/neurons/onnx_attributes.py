"""Attributes and inputs that the ONNX functions of several kinds have: names, ceilings, counts."""

from __future__ import annotations

import numpy as np
from torch import nn

from snnconv.graph.emission import Emission
from snnconv.graph.node import NodeView, Refusal
from snnconv.neurons.site import Site, along_channels

__all__ = ["DOMAIN", "count", "emit_ceiling", "flag", "number", "read_axis", "read_ceiling", "shortest", "word"]

DOMAIN = "ai.snnconv"


def read_ceiling(node: NodeView) -> tuple[nn.Parameter, int]:
    """Return λ as a scalar or `[C]`, and the axis of its channels."""
    array = node.need_constant(1)
    if not (array > 0).all() or not np.isfinite(array).all():
        raise Refusal("its ceilings must be finite and above 0")
    axis = read_axis(node, 1, "ceiling")
    if array.ndim == 0:
        return node.parameter(1, "ceiling"), axis
    return node.parameter(1, "ceiling", lambda values: values.reshape(-1)), axis


def read_axis(node: NodeView, position: int, name: str) -> int:
    """Return the axis of the channels of a constant that holds one value a channel; 1 of a scalar."""
    array = node.need_constant(position)
    wide = [axis for axis, size in enumerate(array.shape) if size != 1]
    if array.ndim >= node.rank() or len(wide) > 1:
        raise Refusal(f"its {name} of shape {array.shape} is neither a scalar nor one value a channel")
    return node.rank() - array.ndim + (wide[0] if wide else 0) if array.ndim else 1


def emit_ceiling(site: Site, emission: Emission, name: str) -> str:
    """Write λ, shaped to broadcast over the site's output; return its name."""
    values = along_channels(site.ceiling.detach(), emission.ranks[name], site.channel_axis)
    return emission.constant(values.cpu().numpy(), f"{name}.ceiling")


def count(node: NodeView, name: str) -> int:
    """Return an attribute that is an integer of at least 1."""
    value = node.attributes.get(name)
    if not isinstance(value, int) or value < 1:
        raise Refusal(f"its {name} is {value}: it must be at least 1")
    return value


def flag(node: NodeView, name: str) -> bool:
    """Return an attribute that is 0 or 1, 0 in files that were written before there was such an attribute."""
    value = node.attributes.get(name, 0)
    if value not in (0, 1):
        raise Refusal(f"its {name} is {value}: it must be 0 or 1")
    return bool(value)


def number(node: NodeView, name: str) -> float:
    """Return an attribute that is a finite number."""
    value = node.attributes.get(name)
    if not isinstance(value, float) or not np.isfinite(value):
        raise Refusal(f"its {name} is {value}: it must be a finite number")
    return shortest(value)


def shortest(value: float) -> float:
    """Return the number with the fewest digits that a single-precision number stands for: 0.1, not 0.10000000149.

    >>> shortest(float(np.float32(0.1)))
    0.1
    """
    return float(np.format_float_positional(np.float32(value)))


def word(node: NodeView, name: str, otherwise: str) -> str:
    """Return an attribute that is a text."""
    value = node.attributes.get(name, otherwise)
    return value.decode() if isinstance(value, bytes) else str(value)
