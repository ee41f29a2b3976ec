"""Operators that move integers about and compute nothing. Scales move with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from snnconv.formats.hardware.builder import HARDWARE_FORMS, HardwareBuilder
from snnconv.formats.hardware.layers import Array, HardwareSignal, shrunk
from snnconv.graph.access import display_name
from snnconv.graph.modules import Concat, Pad, Reshape, Slice, Squeeze, Transpose, Unsqueeze
from snnconv.graph.node import Refusal

__all__: list[str] = []

Change = Callable[..., torch.Tensor]


def _moved(values: list[Array], shapes: list[tuple[int, ...]], change: Change, rank: int) -> Array:
    """Return scales or offsets as an operator moves them."""
    if all(array.size == 1 for array in values) and len({float(array.reshape(())) for array in values}) == 1:
        return values[0].reshape((1,) * rank)
    wide = [
        torch.from_numpy(np.broadcast_to(array, shape).copy())[None]
        for array, shape in zip(values, shapes, strict=True)
    ]
    return shrunk(change(*wide)[0].numpy())


def _move(
    builder: HardwareBuilder,
    node: fx.Node,
    module: nn.Module,
    inputs: list[HardwareSignal],
    operator: str,
    attributes: dict[str, Any],
) -> HardwareSignal:
    shape = tuple(node.meta["shape"])
    shapes = [signal.shape for signal in inputs]
    scale, offset = (
        _moved(values, shapes, module, len(shape))
        for values in ([signal.scale for signal in inputs], [signal.offset for signal in inputs])
    )
    extent = (min(signal.low for signal in inputs), max(signal.high for signal in inputs))
    return builder.add(display_name(node), operator, inputs, scale, extent, shape, offset=offset, attributes=attributes)


@HARDWARE_FORMS.register(nn.Identity)
def _identity(
    builder: HardwareBuilder, node: fx.Node, module: nn.Identity, inputs: list[HardwareSignal]
) -> HardwareSignal:
    return inputs[0]


@HARDWARE_FORMS.register(nn.Flatten, Reshape, Squeeze, Unsqueeze)
def _reshape(builder: HardwareBuilder, node: fx.Node, module: Any, inputs: list[HardwareSignal]) -> HardwareSignal:
    if isinstance(module, Reshape) and module.batch_factor != 1:
        raise Refusal("it moves values between the batch and other axes")
    return _move(builder, node, module, inputs, "reshape", {"shape": list(node.meta["shape"])})


@HARDWARE_FORMS.register(Transpose)
def _transpose(
    builder: HardwareBuilder, node: fx.Node, module: Transpose, inputs: list[HardwareSignal]
) -> HardwareSignal:
    return _move(builder, node, module, inputs, "transpose", {"order": [axis - 1 for axis in module.order[1:]]})


@HARDWARE_FORMS.register(Concat)
def _concat(builder: HardwareBuilder, node: fx.Node, module: Concat, inputs: list[HardwareSignal]) -> HardwareSignal:
    if module.positions:
        raise Refusal("it joins constants to activations")
    return _move(builder, node, module, inputs, "concat", {"axis": module.axis % (len(node.meta["shape"]) + 1) - 1})


@HARDWARE_FORMS.register(Slice)
def _slice(builder: HardwareBuilder, node: fx.Node, module: Slice, inputs: list[HardwareSignal]) -> HardwareSignal:
    rank = len(inputs[0].shape)
    cut = {axis % (rank + 1) - 1: bounds for axis, *bounds in _bounds(module)}
    whole = [list(slice(*cut.get(axis, (None,))).indices(size)) for axis, size in enumerate(inputs[0].shape)]
    return _move(builder, node, module, inputs, "slice", {"starts_stops_steps": whole})


def _bounds(module: Slice) -> list[tuple[int, int, int, int]]:
    return list(zip(module.axes, module.starts, module.stops, module.steps, strict=True))


@HARDWARE_FORMS.register(Pad)
def _pad(builder: HardwareBuilder, node: fx.Node, module: Pad, inputs: list[HardwareSignal]) -> HardwareSignal:
    if module.mode != "constant" or module.value != 0 or min(module.pads) < 0:
        raise Refusal("it pads with something other than zeros, or cuts off: pad with zeros")
    (signal,), rank = inputs, len(module.pads) // 2
    before = len(signal.shape) - rank
    around = [(0, 0)] * before + [(module.pads[axis], module.pads[axis + rank]) for axis in range(rank)]
    scale, offset = (  # of zeros any scale is right; one that is the same along an axis stays so
        np.pad(
            values, [ends if size > 1 else (0, 0) for ends, size in zip(around, values.shape, strict=True)], mode="edge"
        )
        for values in (signal.scale, signal.offset)
    )
    extent = (min(0, signal.low), max(0, signal.high))
    return builder.add(
        display_name(node),
        "pad",
        inputs,
        scale,
        extent,
        node.meta["shape"],
        offset=offset,
        attributes={"pads": list(module.pads)},
    )
