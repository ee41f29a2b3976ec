"""Maxima over windows, and over all positions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from snnconv.graph.emission import Emission
from snnconv.graph.modules import MaxPool, Pad
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import NeuronPlace, NoForm, Operator, Time, register_operator
from snnconv.operators.windows import pooling_window


def _read(node: NodeView) -> Call:
    kernel, stride, pads, dilation, excess = pooling_window(node)
    pads = [pad + more for pad, more in zip(pads, excess, strict=True)]
    if all(pad < reach for pad, reach in zip(pads, [*kernel, *kernel], strict=True)):
        return Call((MaxPool(kernel, stride, pads, dilation),))
    # Runtimes refuse padding as wide as the kernel, which a dilated window can leave.
    return Call((Pad(pads, value=-math.inf), MaxPool(kernel, stride, [0] * len(pads), dilation)))


def _read_global(node: NodeView) -> Call:
    spatial = node.shape()[2:]
    rank = len(spatial)
    if not 1 <= rank <= 3:
        raise Refusal(f"it has {rank} spatial axes; 1 to 3 are supported")
    return Call((MaxPool(spatial, [1] * rank, [0] * 2 * rank, [1] * rank),))


def _write(module: MaxPool, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node(
        "MaxPool",
        inputs,
        name,
        kernel_shape=list(module.kernel),
        strides=list(module.stride),
        pads=list(module.pads),
        dilations=list(module.dilation),
    )


MAX_POOL = register_operator(
    Operator(
        modules=(MaxPool,),
        reads={("", "MaxPool"): _read, ("", "GlobalMaxPool"): _read_global},
        write=_write,
        time=Time.FUNCTION,
        activation=NeuronPlace.NONE,
        of_steps=True,
        cost=NoForm("comparisons have no price"),
        routes=NoForm("a maximum of spikes is not known by their counts"),
        shape=None,
    )
)
