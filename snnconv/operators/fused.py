"""Operators that onnxruntime's optimiser makes of several: a layer with its activation, a scaled product."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from snnconv.graph.modules import Arithmetic, Pad, Transpose
from snnconv.graph.node import HANDLERS, Call, Constant, NodeView, Refusal
from snnconv.graph.operator import Composed, register_composed
from snnconv.graph.products import ConstantMatMul, MatMul

# Attributes of an activation, in the order of its parameters.
ACTIVATIONS: dict[str, tuple[str, ...]] = {
    "Relu": (),
    "Sigmoid": (),
    "Tanh": (),
    "Softsign": (),
    "Softplus": (),
    "LeakyRelu": ("alpha",),
    "Elu": ("alpha",),
    "Selu": ("alpha", "gamma"),
    "Clip": ("min", "max"),
    "HardSigmoid": ("alpha", "beta"),
}


def _activation(node: NodeView, parameters: Mapping[str, float]) -> tuple[nn.Module, ...]:
    """Return the modules of the activation that a node's attribute names."""
    name = node.attributes.get("activation", "")
    if not name:
        return ()
    if name not in ACTIVATIONS:
        raise Refusal(f"its activation {name!r} is not one of {', '.join(ACTIVATIONS)}")
    view = _as(node, name)
    view.attributes = {key: parameters[key] for key in ACTIVATIONS[name] if key in parameters}
    view.operands = node.operands[:1]
    return _one(view).modules


def _as(node: NodeView, operator: str) -> NodeView:
    """Return a node as one of another operator, a standard one of today."""
    view = copy.copy(node)
    view.operator, view.opset = operator, 18
    return view


def _one(view: NodeView) -> Call:
    answer = HANDLERS["", view.operator](view)
    return answer if isinstance(answer, Call) else answer[0]


def _read_convolution(node: NodeView) -> Call:
    view = _as(node, "Conv")
    view.operands = node.operands[:3]
    call = _one(view)
    names = ACTIVATIONS.get(node.attributes.get("activation", ""), ())
    activation = _activation(node, dict(zip(names, node.attributes.get("activation_params", ()), strict=False)))
    if node.operand(3) is None:
        return replace(call, modules=(*call.modules, *activation))
    node.activation(3)
    return Call((Arithmetic("add"), *activation), (call, 3))


def _read_gemm(node: NodeView) -> Call:
    call = _one(_as(node, "Gemm"))
    prefix = "activation_"
    stated = {key.removeprefix(prefix): value for key, value in node.attributes.items() if key.startswith(prefix)}
    return replace(call, modules=(*call.modules, *_activation(node, stated)))


def _read_product(node: NodeView) -> Call:
    """A product of matrices that may be transposed, times alpha."""
    if node.int_attribute("transBatchA", 0) or node.int_attribute("transBatchB", 0):
        raise Refusal("it transposes the batch axis (transBatchA, transBatchB)")
    alpha, turned = node.float_attribute("alpha", 1.0), [node.int_attribute(name, 0) for name in ("transA", "transB")]
    view = _as(node, "MatMul")
    view.operands = [
        _changed(operand, turn=bool(turn), alpha=alpha) if isinstance(operand, Constant) else operand
        for operand, turn in zip(node.operands, turned, strict=True)
    ]
    call = _one(view)
    operands = [
        _transposed(node, place) if isinstance(place, int) and turned[place] and not node.is_constant(place) else place
        for place in call.operands
    ]
    scaled = alpha != 1 and not (node.is_constant(0) or node.is_constant(1))
    factor = (Arithmetic("mul", nn.Parameter(torch.tensor(alpha))),) if scaled else ()
    return Call((*call.modules, *factor), tuple(operands))


def _changed(constant: Constant, *, turn: bool, alpha: float) -> Constant:
    first, second = (
        (np.swapaxes(value, -1, -2) if turn and value.ndim > 1 else value) * np.float32(alpha)
        for value in constant.values
    )
    return Constant((first, second), f"{constant.source}*{alpha}{'T' if turn else ''}")


def _transposed(node: NodeView, place: int) -> Call:
    rank = node.rank(place)
    if rank < 3:
        raise Refusal("it transposes a matrix that has the batch as its rows")
    return Call((Transpose([*range(rank - 2), rank - 1, rank - 2]),), (place,))


_DOMAIN = "com.microsoft"
_LAYERS = (
    *(nn.ELU, nn.Hardsigmoid, nn.Hardtanh, nn.LeakyReLU, nn.ReLU, nn.ReLU6, nn.SELU, nn.Sigmoid, nn.Softplus),
    *(nn.Softsign, nn.Tanh),
)
FUSED_CONV = register_composed(
    Composed(
        reads={(_DOMAIN, "FusedConv"): _read_convolution},
        made_of=(Arithmetic, nn.Conv1d, nn.Conv2d, nn.Conv3d, Pad, *_LAYERS),
    )
)
FUSED_GEMM = register_composed(
    Composed(reads={(_DOMAIN, "FusedGemm"): _read_gemm}, made_of=(Arithmetic, nn.Linear, *_LAYERS))
)
FUSED_PRODUCT = register_composed(
    Composed(
        reads={(_DOMAIN, "FusedMatMul"): _read_product},
        made_of=(Arithmetic, ConstantMatMul, nn.Linear, MatMul, Transpose),
    )
)
