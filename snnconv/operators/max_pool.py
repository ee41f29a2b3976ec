"""Maxima over windows, and over all positions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import fx

from snnconv.formats.hardware.builder import HardwareBuilder
from snnconv.formats.hardware.layers import HardwareSignal
from snnconv.formats.hardware.sums import shared_over
from snnconv.formats.onnx.integers import LevelForm
from snnconv.graph.access import display_name
from snnconv.graph.emission import Emission
from snnconv.graph.modules import MaxPool, Pad
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import NeuronPlace, NoForm, Operator, Time, register_operator
from snnconv.operators.windows import pooling_window

NO_MAXIMUM = NoForm("NIR has no maximum: average pooling in its place, before the network is trained, is written")


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


def _hardware(builder: HardwareBuilder, node: fx.Node, module: MaxPool, inputs: list[HardwareSignal]) -> HardwareSignal:
    (signal,) = inputs
    spatial = tuple(range(1, len(signal.shape)))
    scale, offset = (shared_over(values, spatial, True) for values in (signal.scale, signal.offset))
    return builder.add(
        display_name(node),
        "max_pool",
        inputs,
        scale,
        (signal.low, signal.high),
        node.meta["shape"],
        offset=offset,
        attributes={
            "kernel": list(module.kernel),
            "strides": list(module.stride),
            "pads": list(module.pads),
            "dilations": list(module.dilation),
        },
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
        forms={
            "hardware": _hardware,
            "int8": LevelForm.PASSED_ON,
            "nir": NO_MAXIMUM,
        },
    )
)
