"""GroupNorm: normalisation over groups of channels and all positions; InstanceNorm, where each channel is a group.

`(x - mean) / sqrt(variance + epsilon) * scale + shift`, scale and shift one a channel. Files of opset 18 have one
operator for groups of one channel only, and hold other groups as a reshape, that operator, and what is one a channel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from snnconv.graph.emission import Emission
from snnconv.graph.modules import Transpose
from snnconv.graph.node import Array, Call, NodeView, Refusal
from snnconv.graph.operator import (
    Arrival,
    Composed,
    Cost,
    Work,
    register_composed,
)
from snnconv.operators._records import register_function

LEAST_DEVIATION = 1e-9  # that MeanVarianceNormalization adds to the standard deviation


def _read_groups(node: NodeView) -> Call:
    return _norm(node, node.int_attribute("num_groups", 0), by_group=node.opset < 21)


def _read_instance(node: NodeView) -> Call:
    return _norm(node, node.shape()[1], by_group=False)


def _norm(node: NodeView, groups: int, *, by_group: bool) -> Call:
    """Return the norm; its scale and shift are stored one a group or one a channel."""
    channels = node.shape()[1]
    if groups < 1 or channels % groups:
        raise Refusal(f"its {channels} channels cannot be divided into {groups} groups")
    if channels // groups * math.prod(node.shape()[2:]) == 1:
        raise Refusal("each of its groups is a single value, of which normalisation leaves nothing")
    stored = groups if by_group else channels
    if any(node.need_constant(position).shape != (stored,) for position in (1, 2)):
        raise Refusal(f"its scale and bias must have one value for each of {stored}")
    with torch.device("meta"):
        module = nn.GroupNorm(groups, channels, node.float_attribute("epsilon", 1e-5))

    def change(array: Array) -> Array:
        return np.repeat(array, channels // stored)

    layout = "" if stored == channels else f"repeated{channels}"
    module.weight, module.bias = (node.parameter(position, layout, change) for position in (1, 2))
    return Call((module,))


def _read_mean_variance(node: NodeView) -> Call:
    """No scale and no shift, over any axes: they are put last, and back."""
    axes = node.ints("axes", 1) or [0, 2, 3]
    rank, last = node.rank(), sorted({node.axis(axis) for axis in axes})
    first = [axis for axis in range(rank) if axis not in last]
    sizes = [node.shape()[axis] for axis in last]
    norm = nn.LayerNorm(sizes, LEAST_DEVIATION**2, elementwise_affine=False)
    order = [*first, *last]
    if order == list(range(rank)):
        return Call((norm,))
    return Call((Transpose(order), norm, Transpose([order.index(axis) for axis in range(rank)])))


def _affine(module: nn.GroupNorm, emission: Emission, name: str, shape: tuple[int, ...]) -> list[str]:
    """Return the names of scale and shift, in a shape of the channels."""
    tensors = {"weight": module.weight, "bias": module.bias}
    return [
        emission.parameter(tensor, f"{name}.{key}") if len(shape) == 1 else _shaped(emission, tensor, name, key, shape)
        for key, tensor in tensors.items()
    ]


def _shaped(emission: Emission, tensor: torch.Tensor, name: str, key: str, shape: tuple[int, ...]) -> str:
    return emission.constant(tensor.detach().cpu().reshape(shape).numpy(), f"{name}.{key}")


def _plain(emission: Emission, groups: int, name: str) -> list[str]:
    values = (np.ones(groups, np.float32), np.zeros(groups, np.float32))
    return [emission.constant(value, f"{name}.{key}") for key, value in zip(("scale", "shift"), values, strict=True)]


def _write(module: nn.GroupNorm, emission: Emission, inputs: Sequence[str], name: str) -> str:
    rank, epsilon = emission.ranks[name], float(module.eps)
    if module.num_groups == module.num_channels and rank > 2:
        affine = _affine(module, emission, name, (-1,)) if module.affine else _plain(emission, module.num_groups, name)
        return emission.node("InstanceNormalization", [*inputs, *affine], name, epsilon=epsilon)
    grouped_shape = emission.ints([0, module.num_groups, -1], f"{name}.groups")
    grouped = emission.node("Reshape", [*inputs, grouped_shape], f"{name}.grouped")
    plain = _plain(emission, module.num_groups, name)
    normal = emission.node("InstanceNormalization", [grouped, *plain], f"{name}.normal", epsilon=epsilon)
    shape = emission.node("Shape", inputs, f"{name}.shape")
    if not module.affine:
        return emission.node("Reshape", [normal, shape], name)
    whole = emission.node("Reshape", [normal, shape], f"{name}.whole")
    scale, shift = _affine(module, emission, name, (-1, *[1] * (rank - 2)))
    return emission.node("Add", [emission.node("Mul", [whole, scale], f"{name}.scaled"), shift], name)


def _dense(module: nn.GroupNorm, inputs: int, outputs: int) -> Work:
    """An addition for the mean, a multiply-accumulate for the variance, one for scale and shift, an element."""
    return Work(2 * inputs, inputs)


GROUP_NORM = register_function(
    nn.GroupNorm,
    reads={("", "GroupNormalization"): _read_groups, ("", "InstanceNormalization"): _read_instance},
    write=_write,
    cost=Cost(dense=_dense, arrival=Arrival.VALUES),
)
MEAN_VARIANCE_NORM = register_composed(
    Composed(reads={("", "MeanVarianceNormalization"): _read_mean_variance}, made_of=(Transpose, nn.LayerNorm))
)
