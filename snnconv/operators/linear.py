"""Gemm; MatMul with a constant matrix at its right is the same (matmul.py)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, fx, nn

from snnconv.formats.hardware.builder import HardwareBuilder
from snnconv.formats.hardware.layers import HardwareSignal
from snnconv.formats.hardware.linear import weighted
from snnconv.formats.nir.forms import convolve
from snnconv.graph.emission import Emission
from snnconv.graph.modules import Arithmetic
from snnconv.graph.node import Activation, Array, Call, NodeView, Refusal
from snnconv.graph.operator import Arrival, Cost, NeuronPlace, Operator, Time, Work, register_operator
from snnconv.operators.convolution import NO_ROUTE
from snnconv.operators.forms import IN_FLOAT


def linear_layer(weight: nn.Parameter, bias: nn.Parameter | None = None) -> nn.Linear:
    """Return the layer of a weight `[out, in]` and a bias `[out]`."""
    with torch.device("meta"):
        module = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    module.weight = weight
    if bias is not None:
        module.bias = bias
    return module


def matrix_of(node: NodeView, *, transposed: bool, scale: float = 1.0) -> nn.Parameter:
    """Return the matrix as `[out, in]`; `transposed` tells that it is stored so."""
    layout = ("" if transposed else "transposed") + ("" if scale == 1 else f"*{scale}")

    def change(array: Array) -> Array:
        matrix = array.reshape(array.shape[-2:])
        return (matrix if transposed else matrix.T) * np.float32(scale)

    return node.parameter(1, layout, change if layout else lambda array: array)


def _read_gemm(node: NodeView) -> Call:
    if node.int_attribute("transA", 0):
        raise Refusal("transA would move the batch axis")
    if not node.is_constant(1):
        raise Refusal("it multiplies two activations that have the batch as their rows, and so adds up samples")
    if node.need_constant(1).ndim != 2 or node.rank() != 2:
        raise Refusal("its operands must be matrices")
    weight = matrix_of(node, transposed=bool(node.int_attribute("transB", 0)), scale=node.float_attribute("alpha", 1.0))
    if not isinstance(node.operand(2), Activation):
        return Call((linear_layer(weight, _bias(node, weight.shape[0])),))
    beta = node.float_attribute("beta", 1.0)
    scaled = () if beta == 1 else (Arithmetic("mul", nn.Parameter(torch.tensor(beta))),)
    if node.rank(2) != 2:
        raise Refusal("what it adds has another rank than the product, so that it would be broadcast over the batch")
    return Call((Arithmetic("add"),), (Call((linear_layer(weight),)), Call(scaled, (2,))))


def _bias(node: NodeView, width: int) -> nn.Parameter | None:
    beta = node.float_attribute("beta", 1.0)
    array = node.constant(2)
    if array is None:
        return None
    if array.ndim > 2 or array.shape[:-1] not in ((), (1,)) or array.shape[-1:] not in ((), (1,), (width,)):
        raise Refusal(f"its bias of shape {array.shape} is neither one value nor one for each of {width} outputs")
    if array.shape == (width,) and beta == 1:
        return node.parameter(2)
    return node.parameter(
        2, f"bias*{beta}*{width}", lambda b: np.broadcast_to(np.float32(beta) * b.reshape(-1), (width,))
    )


def _write(module: nn.Linear, emission: Emission, inputs: Sequence[str], name: str) -> str:
    operands = [*inputs, emission.parameter(module.weight, f"{name}.weight")]
    bias = None if not _has_bias(module) else emission.parameter(module.bias, f"{name}.bias")
    if emission.ranks.get(name) == 2:
        return emission.node("Gemm", operands if bias is None else [*operands, bias], name, transB=1)
    transposed = emission.node("Transpose", operands[1:], f"{name}.transposed", perm=[1, 0])
    if bias is None:
        return emission.node("MatMul", [*inputs, transposed], name)
    product = emission.node("MatMul", [*inputs, transposed], f"{name}.product")
    return emission.node("Add", [product, bias], name)


def _has_bias(module: nn.Module) -> bool:
    return module._parameters.get("bias") is not None


def _dense(module: nn.Linear, inputs: int, outputs: int) -> Work:
    """One multiply-accumulate an input feature and output."""
    return Work(outputs * module.in_features, 0)


def _fan_out(module: nn.Linear, shape: torch.Size) -> Tensor:
    return torch.tensor(float(module.out_features))


def _shape(module: nn.Linear, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    if shapes[0][-1] != module.in_features:
        raise ValueError(f"{module.in_features} features are needed along the last axis")
    return (*shapes[0][:-1], module.out_features)


def _hardware(
    builder: HardwareBuilder, node: fx.Node, module: nn.Linear, inputs: list[HardwareSignal]
) -> HardwareSignal:
    step, offset = inputs[0].along(len(inputs[0].shape) - 1)
    weight = module.weight.detach().double().cpu().numpy() * step
    return weighted(builder, node, module, inputs[0], "linear", weight, offset, {})


LINEAR = register_operator(
    Operator(
        modules=(nn.Linear,),
        reads={("", "Gemm"): _read_gemm},
        write=_write,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=Cost(dense=_dense, arrival=Arrival.SYNAPSES, reads_weights=True, fan_out=_fan_out),
        routes=NO_ROUTE,
        shape=_shape,
        forms={"hardware": _hardware, "int8": IN_FLOAT, "nir": convolve},
    )
)
