"""Means over windows, and over all positions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, fx

from snnconv.formats.hardware.builder import HardwareBuilder
from snnconv.formats.hardware.layers import HardwareSignal
from snnconv.formats.hardware.sums import shared_over
from snnconv.formats.nir.layers import averaging
from snnconv.formats.nir.signals import NirSignal
from snnconv.formats.nir.writer import NirWriter
from snnconv.graph.access import display_name
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
from snnconv.operators.forms import IN_FLOAT
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


def _hardware(
    builder: HardwareBuilder, node: fx.Node, module: AveragePool, inputs: list[HardwareSignal]
) -> HardwareSignal:
    if any(module.pads) and not module.count_include_pad:
        raise Refusal("it does not count its padding, so that its scale is another at the border: pool without padding")
    (signal,), count = inputs, math.prod(module.kernel)
    spatial = tuple(range(1, len(signal.shape)))
    scale, offset = (shared_over(values, spatial, True) for values in (signal.scale, signal.offset))
    return builder.add(
        display_name(node),
        "sum_pool",
        inputs,
        scale / count,
        (min(0, signal.low * count), max(0, signal.high * count)),
        node.meta["shape"],
        offset=offset,
        attributes={"kernel": list(module.kernel), "strides": list(module.stride), "pads": list(module.pads)},
    )


def _nir(writer: NirWriter, node: fx.Node, module: AveragePool, inputs: list[NirSignal]) -> NirSignal:
    (signal,), name = inputs, str(node.target)
    if any(module.pads):
        return writer.draft.convolve(name, tuple(node.meta["shape"]), averaging(module, signal.shape[0]), signal)
    return writer.draft.sum_pool(name, signal, module.kernel, module.stride)


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
        forms={"hardware": _hardware, "int8": IN_FLOAT, "nir": _nir},
    )
)
GLOBAL_AVERAGE_POOL = register_composed(
    Composed(reads={("", "GlobalAveragePool"): _read_global}, made_of=(ReduceMean,))
)
