"""Sums of activations, and pooling: whatever adds or compares integers without weights of its own."""

from __future__ import annotations

import numpy as np
from torch import fx

from snnconv.formats.hardware.builder import HardwareBuilder
from snnconv.formats.hardware.layers import Array, HardwareSignal, Integers, compact, shrunk
from snnconv.formats.hardware.rounding import FINE, ratios_to_common
from snnconv.graph.access import display_name
from snnconv.graph.modules import Arithmetic
from snnconv.graph.node import Refusal

__all__ = ["shared_over", "total"]


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


def shared_over(values: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    """Return the scale or offset of values that are taken together over axes."""
    values = shrunk(values)
    if any(values.shape[axis] != 1 for axis in axes):
        raise Refusal("what it takes together has several scales")
    return values if keepdims else np.squeeze(values, axes)
