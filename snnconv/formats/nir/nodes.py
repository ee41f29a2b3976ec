"""One NIR node without neurons -> modules. Shapes are those of one sample, without the batch's axis.

NIR has no padding that differs between the two sides of an axis, and no count of padding in averages: its zeros count.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from snnconv.formats.nir.hdf5 import Array, NirNode
from snnconv.graph.modules import Arithmetic, AveragePool
from snnconv.graph.node import Refusal
from snnconv.registry import Registry

__all__ = ["LAYERS", "integers", "numbers", "scaled"]

Shape = tuple[int, ...]
Handler = Callable[[NirNode, Shape], list[nn.Module]]

# NIR's name of a node's type -> its modules, applied one after the other
LAYERS: Registry[str, Handler] = Registry("NIR node")


def numbers(node: NirNode, name: str) -> Array:
    """Return an array of a node, finite as 32-bit floats."""
    values = node.values.get(name)
    if not isinstance(values, np.ndarray):
        raise Refusal(f"it has no array {name!r}")
    with np.errstate(over="ignore"):
        floats = values.astype(np.float32)
    if not np.isfinite(floats).all():
        raise Refusal(f"its {name} holds values that are not finite as 32-bit floating point")
    return floats


def integers(node: NirNode, name: str, count: int, least: int) -> tuple[int, ...]:
    """Return whole numbers, one for each of `count` axes; a single one counts for all."""
    values = node.values.get(name)
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "iuf" or values.size not in (1, count):
        raise Refusal(f"its {name} is {values!r}: {count} whole numbers are needed")
    whole = tuple(int(value) for value in np.broadcast_to(values.reshape(-1), (count,)))
    if not np.array_equal(np.asarray(whole), np.broadcast_to(values.reshape(-1), (count,))) or min(whole) < least:
        raise Refusal(f"its {name} is {values.tolist()}: whole numbers of at least {least} are needed")
    return whole


def scaled(values: Array, operator: Any = "mul") -> list[nn.Module]:
    """Return modules that multiply by (or add) constants; none where that changes nothing."""
    neutral = 1.0 if operator == "mul" else 0.0
    if (values == neutral).all():
        return []
    return [Arithmetic(operator, nn.Parameter(torch.from_numpy(np.array(values, np.float32))))]


def broadcast(values: Array, shape: Shape, name: str) -> Array:
    """Return an array that fits a sample, one axis of it or all."""
    try:
        fits = np.broadcast_shapes(values.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise Refusal(f"its {name} has shape {list(values.shape)}, its input {list(shape)}")
    return values


@LAYERS.register("Affine", "Linear")
def _linear(node: NirNode, shape: Shape) -> list[nn.Module]:
    weight = numbers(node, "weight")
    if weight.ndim != 2:
        raise Refusal(f"its weight has shape {list(weight.shape)}: [out, in] is read")
    if not shape or shape[-1] != weight.shape[1]:
        raise Refusal(f"it takes {weight.shape[1]} features, its input has shape {list(shape)}")
    bias = numbers(node, "bias").reshape(-1) if node.kind == "Affine" else None
    module = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    return [_with_weights(module, weight, bias, weight.shape[0])]


@LAYERS.register("Conv1d", "Conv2d")
def _convolution(node: NirNode, shape: Shape) -> list[nn.Module]:
    axes = 1 if node.kind == "Conv1d" else 2
    weight = numbers(node, "weight")
    if weight.ndim != axes + 2:
        raise Refusal(f"its weight has shape {list(weight.shape)}: {axes + 2} axes are needed")
    (groups,) = integers(node, "groups", 1, 1)
    if len(shape) != axes + 1 or shape[0] != weight.shape[1] * groups or weight.shape[0] % groups:
        raise Refusal(f"its weight {list(weight.shape)} in {groups} groups does not fit its input {list(shape)}")
    padding = node.values.get("padding")
    kind: Any = nn.Conv1d if axes == 1 else nn.Conv2d
    named = padding if isinstance(padding, str) else None
    if named not in (None, "same", "valid"):
        raise Refusal(f"its padding is {padding!r}")
    module = kind(
        shape[0],
        weight.shape[0],
        weight.shape[2:],
        stride=integers(node, "stride", axes, 1),
        padding=integers(node, "padding", axes, 0) if named is None else named,
        dilation=integers(node, "dilation", axes, 1),
        groups=groups,
    )
    if named == "same" and max(module.stride) > 1:
        raise Refusal("it has padding 'same' with a stride, which does not say where it pads")
    bias = numbers(node, "bias").reshape(-1) if "bias" in node.values else np.zeros(weight.shape[0], np.float32)
    return [_with_weights(module, weight, bias, weight.shape[0])]


def _with_weights(module: Any, weight: Array, bias: Array | None, outputs: int) -> nn.Module:
    module.weight = nn.Parameter(torch.from_numpy(weight))
    if bias is not None:
        if bias.shape != (outputs,):
            raise Refusal(f"its bias has {bias.size} values, its weight {outputs} outputs")
        module.bias = nn.Parameter(torch.from_numpy(bias)) if bias.any() else None
    loaded: nn.Module = module
    return loaded


@LAYERS.register("SumPool2d", "AvgPool2d")
def _pool(node: NirNode, shape: Shape) -> list[nn.Module]:
    if len(shape) != 3:
        raise Refusal(f"its input has shape {list(shape)}: [C, H, W] is needed")
    kernel, pads = integers(node, "kernel_size", 2, 1), integers(node, "padding", 2, 0)
    pool = AveragePool(kernel, integers(node, "stride", 2, 1), [*pads, *pads], count_include_pad=True)
    area = np.float32(math.prod(kernel))
    return [pool, *(scaled(np.array(area)) if node.kind == "SumPool2d" else [])]


@LAYERS.register("Scale")
def _scale(node: NirNode, shape: Shape) -> list[nn.Module]:
    return scaled(broadcast(numbers(node, "scale"), shape, "scale"))


@LAYERS.register("Flatten")
def _flatten(node: NirNode, shape: Shape) -> list[nn.Module]:
    rank = len(shape)
    bounds = []
    for name in ("start_dim", "end_dim"):
        value = node.values.get(name)
        if not isinstance(value, np.ndarray) or value.size != 1:
            raise Refusal(f"its {name} is {value!r}: a whole number is needed")
        at = int(value.reshape(()))
        bounds.append(at + rank if at < 0 else at)
    start, end = bounds
    if not 0 <= start <= end < rank:
        raise Refusal(f"it flattens axes {start} to {end} of an input of shape {list(shape)}")
    return [nn.Flatten(start + 1, end + 1)] if end > start else []


@LAYERS.register("Input", "Output", "Identity")
def _identity(node: NirNode, shape: Shape) -> list[nn.Module]:
    return []
