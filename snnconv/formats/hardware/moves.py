"""What moves integers about and computes nothing. Scales move with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from snnconv.formats.hardware.builder import HOLDERS, Builder
from snnconv.formats.hardware.layers import Array, Signal, Unheld, shrunk
from snnconv.graph.modules import Concat, Pad, Reshape, Slice, Squeeze, Transpose, Unsqueeze

__all__: list[str] = []

Change = Callable[..., torch.Tensor]


def _moved(values: list[Array], shapes: list[tuple[int, ...]], change: Change, rank: int) -> Array:
    """Scales or offsets as an operator moves them."""
    if all(each.size == 1 for each in values) and len({float(each.reshape(())) for each in values}) == 1:
        return values[0].reshape((1,) * rank)
    wide = [
        torch.from_numpy(np.broadcast_to(each, shape).copy())[None] for each, shape in zip(values, shapes, strict=True)
    ]
    return shrunk(change(*wide)[0].numpy())


def _move(
    builder: Builder, node: fx.Node, module: nn.Module, given: list[Signal], operator: str, attributes: dict[str, Any]
) -> Signal:
    shape = tuple(node.meta["shape"])
    shapes = [each.shape for each in given]
    scale, offset = (
        _moved(values, shapes, module, len(shape))
        for values in ([each.scale for each in given], [each.offset for each in given])
    )
    extent = (min(each.low for each in given), max(each.high for each in given))
    return builder.add(
        builder.name_of(node), operator, given, scale, extent, shape, offset=offset, attributes=attributes
    )


@HOLDERS.register(nn.Identity)
def _identity(builder: Builder, node: fx.Node, module: nn.Identity, given: list[Signal]) -> Signal:
    return given[0]


@HOLDERS.register(nn.Flatten, Reshape, Squeeze, Unsqueeze)
def _reshape(builder: Builder, node: fx.Node, module: Any, given: list[Signal]) -> Signal:
    if isinstance(module, Reshape) and module.batch_factor != 1:
        raise Unheld("it moves values between the batch and other axes")
    return _move(builder, node, module, given, "reshape", {"shape": list(node.meta["shape"])})


@HOLDERS.register(Transpose)
def _transpose(builder: Builder, node: fx.Node, module: Transpose, given: list[Signal]) -> Signal:
    return _move(builder, node, module, given, "transpose", {"order": [axis - 1 for axis in module.order[1:]]})


@HOLDERS.register(Concat)
def _concat(builder: Builder, node: fx.Node, module: Concat, given: list[Signal]) -> Signal:
    if module.positions:
        raise Unheld("it joins constants to activations")
    return _move(builder, node, module, given, "concat", {"axis": module.axis % (len(node.meta["shape"]) + 1) - 1})


@HOLDERS.register(Slice)
def _slice(builder: Builder, node: fx.Node, module: Slice, given: list[Signal]) -> Signal:
    rank = len(given[0].shape)
    cut = {axis % (rank + 1) - 1: bounds for axis, *bounds in _bounds(module)}
    whole = [list(slice(*cut.get(axis, (None,))).indices(size)) for axis, size in enumerate(given[0].shape)]
    return _move(builder, node, module, given, "slice", {"starts_stops_steps": whole})


def _bounds(module: Slice) -> list[tuple[int, int, int, int]]:
    return list(zip(module.axes, module.starts, module.stops, module.steps, strict=True))


@HOLDERS.register(Pad)
def _pad(builder: Builder, node: fx.Node, module: Pad, given: list[Signal]) -> Signal:
    if module.mode != "constant" or module.value != 0 or min(module.pads) < 0:
        raise Unheld("it pads with something other than zeros, or cuts off: pad with zeros")
    (signal,), rank = given, len(module.pads) // 2
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
        builder.name_of(node),
        "pad",
        given,
        scale,
        extent,
        node.meta["shape"],
        offset=offset,
        attributes={"pads": list(module.pads)},
    )
