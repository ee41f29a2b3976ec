"""Convolutions and linear operators in integers, and maps `y = gain·x + shift` that act channel by channel."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from torch import fx, nn

from snnconv.formats.hardware.ahead import thresholds_ahead
from snnconv.formats.hardware.builder import HardwareBuilder
from snnconv.formats.hardware.layers import Array, HardwareSignal, Integers, compact, whole
from snnconv.formats.hardware.rounding import FINE, FINEST, USUAL, balanced_weights, extent, rounded_weights, shift_for
from snnconv.graph.access import display_name
from snnconv.graph.node import Refusal
from snnconv.graph.passes.affine import affine_of

__all__ = ["affine", "weighted"]

MOST_BIAS = 2.0**30  # in units of a weight
READ_OUT = 10  # binary digits of a weight and its shift together, where no neurons follow


def weighted(
    builder: HardwareBuilder,
    node: fx.Node,
    module: Any,
    signal: HardwareSignal,
    operator: str,
    weight: Array,
    offset: Array,
    attributes: dict[str, Any],
) -> HardwareSignal:
    """Append a linear operator of `weight`, real units of the output for each integer of the input."""
    outputs, shape = len(weight), node.meta["shape"]
    axis = len(shape) - 1 if operator == "linear" else 0
    real_weight = module.weight.detach().double().cpu().numpy()
    bias = np.zeros(outputs) if module.bias is None else module.bias.detach().double().cpu().numpy()
    carried = bias + _of_offset(real_weight, offset, getattr(module, "groups", 1))
    threshold = thresholds_ahead(builder.graph, node, axis)
    largest = np.abs(weight).reshape(outputs, -1).max(1)
    wider = max(1.0, max(-signal.low, signal.high) / USUAL)
    coarsest = np.full(outputs, largest.max() or 1.0) if threshold is None else threshold / wider
    least = np.maximum(coarsest / 2**FINEST, np.abs(carried) / MOST_BIAS)
    weights, unit = rounded_weights(weight, builder.weight_bits, least)
    if builder.balances:
        weights = balanced_weights(weight, weights, unit, builder.weight_bits)
    shift = max(0, READ_OUT - builder.weight_bits) if threshold is None else shift_for(threshold, unit)
    unit = unit / 2**shift
    biases = whole(carried / unit)
    lowest, highest = (end * 2**shift for end in extent(weights, signal.low, signal.high))
    least_bias, most_bias = (builder.arrivals * int(end) for end in (biases.min(), biases.max()))
    reached = (lowest + min(0, least_bias), highest + max(0, most_bias))
    along = tuple(-1 if at == axis else 1 for at in range(len(shape)))
    return builder.add(
        display_name(node),
        operator,
        [signal],
        unit.reshape(along),
        reached,
        shape,
        attributes={**attributes, "shift": shift},
        arrays={"weights": Integers(weights, None, real_weight), "biases": Integers(biases, axis, bias)},
    )


def _of_offset(weight: Array, offset: Array, groups: int) -> Array:
    """Return what offsets of the input channels add to each output, `[O]`, where nothing is padded."""
    summed = weight.reshape(*weight.shape[:2], -1).sum(2).reshape(groups, -1, weight.shape[1])
    return np.asarray((summed * offset.reshape(groups, 1, -1)).sum(2).reshape(-1))


def affine(builder: HardwareBuilder, node: fx.Node, module: nn.Module, inputs: list[HardwareSignal]) -> HardwareSignal:
    """Write `gain·x + shift`: the gain becomes part of the scale, its sign a multiplier, the shift a constant."""
    channel_map = affine_of(builder.graph, node)
    if channel_map is None:
        raise Refusal("it is no map of each channel by itself with fixed numbers")
    (signal,), shape = inputs, tuple(node.meta["shape"])
    one, none = np.ones((1,) * len(shape)), np.zeros((1,) * len(shape))
    gain = one if channel_map.scale is None else channel_map.scale.cpu().numpy()
    added = none if channel_map.shift is None else channel_map.shift.cpu().numpy()
    scale = signal.scale * np.where(gain == 0, 1, np.abs(gain))
    shift = 0
    for axis in range(len(shape)) if channel_map.shift is not None else ():
        threshold = thresholds_ahead(builder.graph, node, axis)
        if threshold is not None and shape[axis] == scale.shape[axis]:
            others = tuple(at for at in range(len(shape)) if at != axis)
            shift = max(shift, shift_for(threshold, scale.max(others)))
        elif threshold is not None:
            shift = max(shift, shift_for(threshold.min(), scale.max()))
    if channel_map.shift is not None and thresholds_ahead(builder.graph, node, 0) is None:
        # zeros that weights pad with get no offset: what the constants leave of the shift must be small
        shift = max(0, math.ceil(FINE - math.log2(max(1, signal.high - signal.low))))
    unit = scale / 2**shift
    exact = added + gain * signal.offset
    constants = whole(exact / unit)
    signs = np.sign(gain).astype(np.int64)
    left = exact - constants * unit
    if shift == 0 and bool((signs == 1).all()) and not constants.any():
        return replace(signal, scale=unit, offset=left)
    multipliers = signs * 2**shift
    ends = [int(m) * end for m in (multipliers.min(), multipliers.max()) for end in (signal.low, signal.high)]
    least_constant, most_constant = (builder.arrivals * int(end) for end in (constants.min(), constants.max()))
    reached = (min(0, *ends) + min(0, least_constant), max(0, *ends) + max(0, most_constant))
    arrays = {
        name: Integers(*compact(values, shape))
        for name, values in (("multipliers", multipliers), ("constants", constants))
    }
    return builder.add(display_name(node), "affine", [signal], unit, reached, shape, offset=left, arrays=arrays)
