"""Operators that move integers about and compute nothing. Scales move with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from snnconv.formats.hardware.builder import HardwareBuilder
from snnconv.formats.hardware.layers import Array, HardwareSignal, shrunk
from snnconv.graph.access import display_name

__all__ = ["move", "reshape"]

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


def reshape(builder: HardwareBuilder, node: fx.Node, module: nn.Module, inputs: list[HardwareSignal]) -> HardwareSignal:
    """Append an operator that gives integers another shape."""
    return move(builder, node, module, inputs, "reshape", {"shape": list(node.meta["shape"])})


def move(
    builder: HardwareBuilder,
    node: fx.Node,
    module: nn.Module,
    inputs: list[HardwareSignal],
    operator: str,
    attributes: dict[str, Any],
) -> HardwareSignal:
    """Append an operator that moves integers, and their scales with them."""
    shape = tuple(node.meta["shape"])
    shapes = [signal.shape for signal in inputs]
    scale, offset = (
        _moved(values, shapes, module, len(shape))
        for values in ([signal.scale for signal in inputs], [signal.offset for signal in inputs])
    )
    extent = (min(signal.low for signal in inputs), max(signal.high for signal in inputs))
    return builder.add(display_name(node), operator, inputs, scale, extent, shape, offset=offset, attributes=attributes)
