"""ConvTranspose over one to three spatial axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from snnconv.graph.emission import Emission
from snnconv.graph.linear import TRANSPOSED
from snnconv.graph.modules import Slice
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import Arrival, Cost, NeuronPlace, Operator, Time, Work, register_operator
from snnconv.operators.convolution import (
    NO_ROUTE,
    convolution_module,
    fan_out_of_ones,
    groups_of,
    require_channels,
    spatial_rank,
    write_convolution,
)
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR
from snnconv.operators.windows import SAME, explicit_pads, ints_attribute, is_symmetric


def _read(node: NodeView) -> Call:
    rank = spatial_rank(node)
    weight = node.need_constant(1).shape
    group = groups_of(node)
    require_channels(node, weight[0], group)
    stride = ints_attribute(node, "strides", rank)
    dilation = ints_attribute(node, "dilations", rank)
    extra = ints_attribute(node, "output_padding", rank, default=0)
    if any(more >= max(step, spread) for more, step, spread in zip(extra, stride, dilation, strict=True)):
        raise Refusal(f"its output_padding {extra} must be less than its strides or dilations")
    whole = [
        (size - 1) * step + spread * (reach - 1) + 1 + more
        for size, step, spread, reach, more in zip(node.shape()[2:], stride, dilation, weight[2:], extra, strict=True)
    ]
    pads = _pads(node, whole, stride)
    module = convolution_module(
        TRANSPOSED[rank - 1],
        node,
        in_channels=weight[0],
        out_channels=weight[1] * group,
        kernel_size=weight[2:],
        stride=stride,
        padding=pads[:rank] if is_symmetric(pads) else [0] * rank,
        output_padding=extra,
        dilation=dilation,
        groups=group,
    )
    if is_symmetric(pads):
        return Call((module,))
    stops = [size - end for size, end in zip(whole, pads[rank:], strict=True)]
    return Call((module, Slice(list(range(2, rank + 2)), pads[:rank], stops, [1] * rank)))


def _pads(node: NodeView, whole: Sequence[int], stride: Sequence[int]) -> list[int]:
    """Return how much is cut off at the begins and the ends of the whole output."""
    rank = len(whole)
    auto = node.attributes.get("auto_pad", "NOTSET")
    shape = node.attributes.get("output_shape")
    if not shape and auto in SAME:
        shape = [size * step for size, step in zip(node.shape()[2:], stride, strict=True)]
    if not shape:
        return explicit_pads(node, rank) if auto in ("NOTSET", "") else [0] * (2 * rank)
    total = [size - int(goal) for size, goal in zip(whole, list(shape)[-rank:], strict=True)]
    if min(total) < 0:
        raise Refusal(f"its output of shape {list(shape)} is larger than the {whole} that it can fill")
    less, more = [t // 2 for t in total], [t - t // 2 for t in total]
    return less + more if auto == "SAME_UPPER" else more + less


def _write(module: Any, emission: Emission, inputs: Sequence[str], name: str) -> str:
    padding = list(module.output_padding)
    return write_convolution("ConvTranspose", module, emission, inputs, name, output_padding=padding)


def _dense(module: Any, inputs: int, outputs: int) -> Work:
    """One multiply-accumulate a weight and input."""
    return Work(int(inputs * math.prod(module.kernel_size) * module.out_channels // module.groups), 0)


def _fan_out(module: Any, shape: torch.Size) -> Tensor:
    convolve: Any = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[len(module.kernel_size) - 1]
    return fan_out_of_ones(module, shape, convolve, output_padding=module.output_padding)


TRANSPOSED_CONVOLUTION = register_operator(
    Operator(
        modules=TRANSPOSED,
        reads={("", "ConvTranspose"): _read},
        write=_write,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=Cost(dense=_dense, arrival=Arrival.SYNAPSES, reads_weights=True, fan_out=_fan_out),
        routes=NO_ROUTE,
        shape=None,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
