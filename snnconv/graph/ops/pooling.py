"""Pooling over windows, and over all positions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from snnconv.graph.emission import EMITTERS, Emission
from snnconv.graph.modules import AveragePool, MaxPool, Pad, ReduceMean
from snnconv.graph.node import HANDLERS, Call, NodeView, Refusal
from snnconv.graph.ops.windows import ceil_excess, ints_attribute, window_pads


def _window(node: NodeView) -> tuple[list[int], list[int], list[int], list[int], list[int]]:
    """Kernel, stride, pads, dilation, and what ceil mode adds to the pads."""
    rank = node.rank() - 2
    if not 1 <= rank <= 3:
        raise Refusal(f"it has {rank} spatial axes; 1 to 3 are supported")
    if "kernel_shape" not in node.attributes:
        raise Refusal("its kernel_shape is missing")
    kernel = ints_attribute(node, "kernel_shape", rank)
    stride = ints_attribute(node, "strides", rank)
    dilation = ints_attribute(node, "dilations", rank)
    pads = window_pads(node, kernel, stride, dilation)
    if set(dilation) != {1} and node.attributes.get("auto_pad", "NOTSET").startswith("SAME"):
        raise Refusal("runtimes disagree about auto_pad of a dilated window; export it with explicit pads")
    if any(pad >= reach for pad, reach in zip(pads, [*kernel, *kernel], strict=True)):
        raise Refusal(f"its pads {pads} leave windows {kernel} that see nothing but padding")
    excess = [0] * (2 * rank)
    if node.int_attribute("ceil_mode", 0):
        excess = ceil_excess(node.shape()[2:], kernel, stride, pads, dilation)
    return kernel, stride, pads, dilation, excess


# Ceil mode is turned into padding: where a window would start in the padding at the end, ONNX's shape
# inference and the runtimes count differently, so that a written file is understood by all only without it.


@HANDLERS.register(("", "MaxPool"))
def _import_max_pool(node: NodeView) -> Call:
    kernel, stride, pads, dilation, excess = _window(node)
    pads = [given + more for given, more in zip(pads, excess, strict=True)]
    if all(pad < reach for pad, reach in zip(pads, [*kernel, *kernel], strict=True)):
        return Call((MaxPool(kernel, stride, pads, dilation),))
    # Runtimes refuse padding as wide as the kernel, which a dilated window can leave.
    return Call((Pad(pads, value=-math.inf), MaxPool(kernel, stride, [0] * len(pads), dilation)))


@HANDLERS.register(("", "AveragePool"))
def _import_average_pool(node: NodeView) -> Call:
    kernel, stride, pads, dilation, excess = _window(node)
    if set(dilation) != {1}:
        raise Refusal("a dilated mean is not supported")
    include = bool(node.int_attribute("count_include_pad", 0))
    if include and any(excess):  # the given padding counts, what ceil mode adds does not
        return Call(
            (Pad(pads), AveragePool(kernel, stride, excess)) if any(pads) else (AveragePool(kernel, stride, excess),)
        )
    pads = [given + more for given, more in zip(pads, excess, strict=True)]
    return Call((AveragePool(kernel, stride, pads, count_include_pad=include and any(pads)),))


@HANDLERS.register(("", "GlobalAveragePool"))
def _import_global_average_pool(node: NodeView) -> Call:
    if node.rank() < 3:
        return Call(())
    return Call((ReduceMean(range(2, node.rank()), keepdims=True),))


@HANDLERS.register(("", "GlobalMaxPool"))
def _import_global_max_pool(node: NodeView) -> Call:
    spatial = node.shape()[2:]
    rank = len(spatial)
    if not 1 <= rank <= 3:
        raise Refusal(f"it has {rank} spatial axes; 1 to 3 are supported")
    return Call((MaxPool(spatial, [1] * rank, [0] * 2 * rank, [1] * rank),))


@EMITTERS.register(MaxPool)
def _emit_max_pool(module: MaxPool, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node(
        "MaxPool",
        inputs,
        name,
        kernel_shape=list(module.kernel),
        strides=list(module.stride),
        pads=list(module.pads),
        dilations=list(module.dilation),
    )


@EMITTERS.register(AveragePool)
def _emit_average_pool(module: AveragePool, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node(
        "AveragePool",
        inputs,
        name,
        kernel_shape=list(module.kernel),
        strides=list(module.stride),
        pads=list(module.pads),
        count_include_pad=int(module.count_include_pad),
    )
