"""LayerNorm and RMSNorm: normalisation over the last axes, with a scale and a shift for each of their positions.

`(x - mean) / sqrt(variance + epsilon) * scale + shift`; RMSNorm leaves mean and shift out. Files of opset 18 have no
operator for RMSNorm and hold its formula. onnxruntime's fused operators add up a residual before it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from snnconv.graph.emission import Emission
from snnconv.graph.modules import Arithmetic, ArithmeticName
from snnconv.graph.node import Array, Call, NodeView, Refusal
from snnconv.graph.operator import (
    Arrival,
    Composed,
    Cost,
    Work,
    register_composed,
)
from snnconv.graph.shapes import Shape
from snnconv.operators._constants import check_broadcast
from snnconv.operators._records import register_function

Norm = nn.LayerNorm | nn.RMSNorm


def _read(node: NodeView) -> Call:
    return Call(_norm(node, node.axis(node.int_attribute("axis", -1)), scale=1, shift=2))


def _read_residual(node: NodeView) -> list[Call]:
    """The norm of a sum; the sum itself is the fourth output."""
    if node.shape(0) != node.shape(1):
        raise Refusal(f"its residual of {list(node.shape(1)[1:])} is not of its input's shape")
    if any(node.outputs[1:3]):
        raise Refusal("its outputs 'mean' and 'inv_std_var' are not computed")
    simplified = node.operator == "SkipSimplifiedLayerNormalization"
    bias = 3 if simplified else 4
    total: tuple[nn.Module, ...] = (Arithmetic("add"),)
    if node.constant(bias) is not None:
        total = (*total, Arithmetic("add", node.parameter(bias)))
    norm = _norm(node, node.rank() - 1, scale=2, shift=len(node.operands) if simplified else 3)
    calls = [Call((*total, *norm), (0, 1)), Call(()), Call(()), Call(total, (0, 1))]
    return calls[: len(node.outputs)]


def _norm(node: NodeView, axis: int, *, scale: int, shift: int) -> tuple[nn.Module, ...]:
    """Return the norm from an axis on; where its scale reaches across other axes too, a product and a sum behind it."""
    kind = nn.RMSNorm if node.operator in RMS else nn.LayerNorm
    sizes, epsilon = node.shape()[axis:], node.float_attribute("epsilon", 1e-5)
    positions = [scale] if node.constant(shift) is None else [scale, shift]
    if positions == [scale] and (node.need_constant(scale) == 1).all():
        return (kind(sizes, epsilon, elementwise_affine=False),)
    if all(_fits(node.need_constant(position), sizes) for position in positions):
        affine = [_spread(node, position, sizes) for position in positions]
        return (norm_module(kind, sizes, epsilon, affine),)
    for position in positions:
        check_broadcast(node, position, node.rank())
    names: tuple[ArithmeticName, ...] = ("mul", "add")
    steps = [Arithmetic(name, node.parameter(at)) for name, at in zip(names, positions, strict=False)]
    return (kind(sizes, epsilon, elementwise_affine=False), *steps)


def _fits(array: Array, sizes: Shape) -> bool:
    """Whether a scale is the same at all positions of the axes that are not normalised."""
    surplus = max(0, array.ndim - len(sizes))
    return set(array.shape[:surplus]) <= {1} and _broadcasts(array.shape[surplus:], sizes)


def _broadcasts(shape: Shape, sizes: Shape) -> bool:
    return all(size in (1, whole) for size, whole in zip(shape[::-1], sizes[::-1], strict=False))


def _spread(node: NodeView, position: int, sizes: Shape) -> nn.Parameter:
    """Return a scale or shift as one number a position that is normalised."""
    if node.need_constant(position).shape == sizes:
        return node.parameter(position)

    def change(array: Array) -> Array:
        return np.broadcast_to(array.reshape(array.shape[max(0, array.ndim - len(sizes)) :]), sizes)

    return node.parameter(position, f"spread{sizes}", change)


def norm_module(kind: type[Norm], sizes: Shape, epsilon: float, affine: Sequence[nn.Parameter]) -> nn.Module:
    """Return the norm with a scale, and where there are two, a shift."""
    with torch.device("meta"):
        module = kind(sizes, epsilon)
    module.weight = affine[0]
    if isinstance(module, nn.LayerNorm):
        module.register_parameter("bias", affine[1] if len(affine) > 1 else None)
    return module


def _scale(module: Norm, emission: Emission, name: str) -> str:
    if not module.elementwise_affine:
        return emission.constant(np.ones(module.normalized_shape, np.float32), f"{name}.weight")
    return emission.parameter(module.weight, f"{name}.weight")


def _has_bias(module: nn.Module) -> bool:
    return module._parameters.get("bias") is not None


def _write(module: nn.LayerNorm, emission: Emission, inputs: Sequence[str], name: str) -> str:
    operands = [*inputs, _scale(module, emission, name)]
    if _has_bias(module):
        operands.append(emission.parameter(module.bias, f"{name}.bias"))
    axis = -len(module.normalized_shape)
    return emission.node("LayerNormalization", operands, name, axis=axis, epsilon=float(module.eps))


def _write_rms(module: nn.RMSNorm, emission: Emission, inputs: Sequence[str], name: str) -> str:
    (x,) = inputs
    axes = emission.ints(range(-len(module.normalized_shape), 0), f"{name}.axes")
    two = emission.once(np.float32(2), "rms.two")
    squares = emission.node("Pow", [x, two], f"{name}.squares")
    mean = emission.node("ReduceMean", [squares, axes], f"{name}.mean", keepdims=1)
    least = torch.finfo(torch.float32).eps if module.eps is None else module.eps
    epsilon = emission.constant(np.float32(least), f"{name}.epsilon")
    root = emission.node("Sqrt", [emission.node("Add", [mean, epsilon], f"{name}.sum")], f"{name}.root")
    if not module.elementwise_affine:
        return emission.node("Div", [x, root], name)
    normal = emission.node("Div", [x, root], f"{name}.normal")
    return emission.node("Mul", [normal, _scale(module, emission, name)], name)


def _dense(module: nn.LayerNorm, inputs: int, outputs: int) -> Work:
    """An addition for the mean, a multiply-accumulate for the variance, one for scale and shift, an element."""
    return Work(2 * inputs, inputs)


def _rms_dense(module: nn.RMSNorm, inputs: int, outputs: int) -> Work:
    """A multiply-accumulate for the mean square and a multiplication, an element."""
    return Work(2 * inputs, 0)


RMS = ("RMSNormalization", "SimplifiedLayerNormalization", "SkipSimplifiedLayerNormalization")
LAYER_NORM = register_function(
    nn.LayerNorm,
    reads={("", "LayerNormalization"): _read},
    write=_write,
    cost=Cost(dense=_dense, arrival=Arrival.VALUES),
)
RMS_NORM = register_function(
    nn.RMSNorm,
    reads={("", "RMSNormalization"): _read, ("", "SimplifiedLayerNormalization"): _read},
    write=_write_rms,
    cost=Cost(dense=_rms_dense, arrival=Arrival.VALUES),
)
RESIDUAL_NORM = register_composed(
    Composed(reads={("com.microsoft", "SkipLayerNormalization"): _read_residual}, made_of=(Arithmetic, nn.LayerNorm))
)
RESIDUAL_RMS_NORM = register_composed(
    Composed(
        reads={("com.microsoft", "SkipSimplifiedLayerNormalization"): _read_residual},
        made_of=(Arithmetic, nn.RMSNorm),
    )
)
