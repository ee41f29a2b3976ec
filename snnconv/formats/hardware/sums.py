"""Sums of activations, and pooling: whatever adds or compares integers without weights of its own."""

from __future__ import annotations

import math

import numpy as np
from torch import fx

from snnconv.formats.hardware.builder import HARDWARE_FORMS, HardwareBuilder
from snnconv.formats.hardware.layers import Array, HardwareSignal, Integers, compact, shrunk
from snnconv.formats.hardware.rounding import FINE, ratios_to_common
from snnconv.graph.access import display_name
from snnconv.graph.modules import Arithmetic, AveragePool, MaxPool, ReduceMean, ReduceSum
from snnconv.graph.node import Refusal

__all__ = ["total"]


def total(builder: HardwareBuilder, node: fx.Node, module: Arithmetic, inputs: list[HardwareSignal]) -> HardwareSignal:
    """Write `x + y` or `x - y`: each operand gets integer factors that bring both to one unit, which rounds no sum."""
    if module.operator not in ("add", "sub"):
        raise Refusal("it multiplies or divides two activations, which are both known only when the network runs")
    shape = tuple(node.meta["shape"])
    if any(len(signal.shape) != len(shape) for signal in inputs):
        raise Refusal("its operands have different ranks")
    first, second = inputs if len(inputs) == 2 else (inputs[0], inputs[0])
    factors, unit = ratios_to_common([first.scale, second.scale], FINE)
    if module.operator == "sub":
        factors[0 if module.constant_first else 1] *= -1
    low = high = 0
    arrays = {}
    for number, (operand, factor) in enumerate(zip((first, second), factors, strict=True)):
        ends = [int(end) * m for end in (operand.low, operand.high) for m in (int(factor.min()), int(factor.max()))]
        low, high = low + min(0, *ends), high + max(0, *ends)
        arrays[f"multipliers{number}"] = Integers(*compact(factor, shape))
    signs = [np.sign(factor.flat[0]) for factor in factors]
    offset = np.asarray(signs[0] * first.offset + signs[1] * second.offset)
    return builder.add(
        display_name(node), "add", [first, second], unit, (low, high), shape, offset=offset, arrays=arrays
    )


def _without(values: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    """Return the scale or offset of values that are taken together over axes."""
    values = shrunk(values)
    if any(values.shape[axis] != 1 for axis in axes):
        raise Refusal("what it takes together has several scales")
    return values if keepdims else np.squeeze(values, axes)


@HARDWARE_FORMS.register(ReduceMean, ReduceSum)
def _reduction(
    builder: HardwareBuilder, node: fx.Node, module: ReduceMean | ReduceSum, inputs: list[HardwareSignal]
) -> HardwareSignal:
    (signal,) = inputs
    axes = tuple(axis - 1 for axis in module.axes)
    count = math.prod(signal.shape[axis] for axis in axes)
    scale, offset = (_without(values, axes, module.keepdims) for values in (signal.scale, signal.offset))
    mean = isinstance(module, ReduceMean)
    return builder.add(
        display_name(node),
        "sum",
        inputs,
        scale / count if mean else scale,
        (min(0, signal.low * count), max(0, signal.high * count)),
        node.meta["shape"],
        offset=offset if mean else offset * count,
        attributes={"axes": list(axes)},
    )


@HARDWARE_FORMS.register(AveragePool)
def _average(
    builder: HardwareBuilder, node: fx.Node, module: AveragePool, inputs: list[HardwareSignal]
) -> HardwareSignal:
    if any(module.pads) and not module.count_include_pad:
        raise Refusal("it does not count its padding, so that its scale is another at the border: pool without padding")
    (signal,), count = inputs, math.prod(module.kernel)
    spatial = tuple(range(1, len(signal.shape)))
    scale, offset = (_without(values, spatial, True) for values in (signal.scale, signal.offset))
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


@HARDWARE_FORMS.register(MaxPool)
def _maximum(builder: HardwareBuilder, node: fx.Node, module: MaxPool, inputs: list[HardwareSignal]) -> HardwareSignal:
    (signal,) = inputs
    spatial = tuple(range(1, len(signal.shape)))
    scale, offset = (_without(values, spatial, True) for values in (signal.scale, signal.offset))
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
