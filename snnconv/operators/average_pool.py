"""Means over windows, and over all positions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from snnconv.graph.emission import Emission
from snnconv.graph.modules import AveragePool, Pad, ReduceMean
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import (
    Arrival,
    Composed,
    Cost,
    NeuronPlace,
    Operator,
    Time,
    Work,
    register_composed,
    register_operator,
)
from snnconv.operators.windows import pooling_window


def _read(node: NodeView) -> Call:
    kernel, stride, pads, dilation, excess = pooling_window(node)
    if set(dilation) != {1}:
        raise Refusal("a dilated mean is not supported")
    include = bool(node.int_attribute("count_include_pad", 0))
    if include and any(excess):  # the padding itself counts, what ceil mode adds does not
        return Call(
            (Pad(pads), AveragePool(kernel, stride, excess)) if any(pads) else (AveragePool(kernel, stride, excess),)
        )
    pads = [pad + more for pad, more in zip(pads, excess, strict=True)]
    return Call((AveragePool(kernel, stride, pads, count_include_pad=include and any(pads)),))


def _read_global(node: NodeView) -> Call:
    if node.rank() < 3:
        return Call(())
    return Call((ReduceMean(range(2, node.rank()), keepdims=True),))


def _write(module: AveragePool, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node(
        "AveragePool",
        inputs,
        name,
        kernel_shape=list(module.kernel),
        strides=list(module.stride),
        pads=list(module.pads),
        count_include_pad=int(module.count_include_pad),
    )


def _dense(module: AveragePool, inputs: int, outputs: int) -> Work:
    """A mean of k values is k - 1 additions and one multiplication."""
    return Work(outputs, outputs * (math.prod(module.kernel) - 1))


def _route(module: AveragePool, counts: Sequence[Tensor]) -> Tensor:
    """All, each to every window that it is in: what the mean divides by belongs to the next synapse's weight."""
    mean = AveragePool(module.kernel, module.stride, module.pads, count_include_pad=True)(counts[0])
    summed: Tensor = mean * math.prod(module.kernel)
    return summed + (summed.round() - summed).detach()  # whole spikes; to a gradient, the sum that it is


AVERAGE_POOL = register_operator(
    Operator(
        modules=(AveragePool,),
        reads={("", "AveragePool"): _read},
        write=_write,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=Cost(dense=_dense, arrival=Arrival.VALUES),
        routes=_route,
        shape=None,
    )
)
GLOBAL_AVERAGE_POOL = register_composed(
    Composed(reads={("", "GlobalAveragePool"): _read_global}, made_of=(ReduceMean,))
)
