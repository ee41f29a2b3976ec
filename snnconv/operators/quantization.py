"""QuantizeLinear and DequantizeLinear of an activation: rounding to levels, by both together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from snnconv.graph.embedding import Embedding
from snnconv.graph.emission import Emission
from snnconv.graph.modules import MaxPool
from snnconv.graph.node import Activation, Array, Call, NodeView, Refusal
from snnconv.graph.operator import (
    Bounds,
    Composed,
    NoForm,
    find_operator,
    moved,
    register_composed,
)
from snnconv.graph.quantization import FakeQuantize
from snnconv.operators._records import register_activation

UNKNOWN = "it reads quantized numbers that no QuantizeLinear made with the same scale and zero point"


def _read_quantize(node: NodeView) -> Call:
    """Levels; a ReLU before them does nothing where none of them is below 0."""
    zero = _zero_point(node)
    bounds = np.iinfo(zero.dtype)
    module = FakeQuantize(_scale(node), int(bounds.min) - int(zero), int(bounds.max) - int(zero))
    x = node.activation()
    if isinstance(x.module, nn.ReLU) and module.lowest >= 0:
        x = x.sources[0]
    return Call((module,), (x,), kind="int")


def _scale(node: NodeView) -> Tensor:
    scale = node.need_constant(1)
    if node.int_attribute("block_size", 0) or scale.ndim > 1:
        raise Refusal("its scales are of blocks; one for all, or one for each place along an axis is supported")
    if not (np.isfinite(scale.astype(np.float64)) & (scale > 0)).all():
        raise Refusal("its scale must be above 0")
    if scale.size == 1:
        return node.buffer(1).reshape(())
    axis = node.axis(node.int_attribute("axis", 1))
    return node.buffer(1).reshape(-1, *[1] * (node.rank() - 1 - axis))


def _zero_point(node: NodeView) -> Array:
    """Return the zero point as a number of the type of the levels."""
    zero = node.constant(2)
    if zero is None:
        kind = node.int_attribute("output_dtype", 0) or onnx.TensorProto.UINT8
        zero = np.zeros((), onnx.helper.tensor_dtype_to_np_dtype(kind))
    if zero.dtype.kind not in "iu":
        raise Refusal(f"its levels are of the type {zero.dtype}: only integers are supported")
    if (zero != zero.reshape(-1)[0]).any():
        raise Refusal("its zero points differ along an axis")
    first: Array = zero.reshape(-1)[0]
    return first


def _read_dequantize(node: NodeView) -> Call:
    """Nothing is left to do where it undoes what a QuantizeLinear before it did."""
    module = _quantizer(node.activation())
    if module is None:
        return _of_table(node)
    bounds = np.iinfo(_zero_point(node).dtype) if node.constant(2) is not None else None
    zero = 0 if bounds is None else int(_zero_point(node))
    scale = node.need_constant(1).astype(np.float32).reshape(-1)
    alike = np.array_equal(scale, module.scale.numpy().reshape(-1))
    fits = bounds is None or (module.lowest, module.highest) == (int(bounds.min) - zero, int(bounds.max) - zero)
    if not alike or not fits:
        raise Refusal(UNKNOWN)
    return Call((), kind="float")


def _of_table(node: NodeView) -> Call:
    """Rows of a table of levels: rows of the values that they stand for."""
    x, scale = node.activation(), node.need_constant(1)
    if not isinstance(x.module, Embedding) or (scale.size > 1 and scale.shape != tuple(x.module.weight.shape[-1:])):
        raise Refusal(UNKNOWN)
    zero = 0 if node.constant(2) is None else int(_zero_point(node))
    values = (x.module.weight.detach().numpy().astype(np.float64) - zero) * scale.astype(np.float64)
    table = Embedding(nn.Parameter(torch.from_numpy(values.astype(np.float32))))
    return Call((table,), x.sources, kind="float")


def _quantizer(activation: Activation) -> FakeQuantize | None:
    """Return what quantized an activation; of one that was moved since, if it has one scale for all."""
    module, direct = activation.module, True
    while module is not None and not isinstance(module, FakeQuantize):
        operator = find_operator(module)
        passed = isinstance(module, MaxPool) or (operator is not None and operator.routes is moved)
        if not passed or len(activation.sources) != 1:
            return None
        activation, direct = activation.sources[0], False
        module = activation.module
    return module if module is None or direct or module.scale.ndim == 0 else None


def _write(module: FakeQuantize, emission: Emission, inputs: Sequence[str], name: str) -> str:
    """As two nodes where the levels have 8 bits, else by its formula."""
    bounds = module.lowest, module.highest
    if bounds[1] - bounds[0] != 255 or not -255 <= bounds[0] <= 0:
        return _write_formula(module, emission, inputs, name)
    scale = module.scale.cpu().numpy()
    flat = scale.reshape(-1) if scale.ndim else scale
    kind = np.int8 if bounds[0] == -128 else np.uint8
    zero = np.full(flat.shape, np.iinfo(kind).min - bounds[0], kind)
    operands = [emission.constant(flat, f"{name}.scale"), emission.constant(zero, f"{name}.zero")]
    axis = emission.ranks[name] - max(1, scale.ndim)
    levels = emission.node("QuantizeLinear", [*inputs, *operands], f"{name}.levels", axis=axis)
    return emission.node("DequantizeLinear", [levels, *operands], name, axis=axis)


def _write_formula(module: FakeQuantize, emission: Emission, inputs: Sequence[str], name: str) -> str:
    scale = emission.parameter(module.scale, f"{name}.scale")
    ends = (np.float32(module.lowest), np.float32(module.highest))
    low, high = (emission.constant(end, f"{name}.{which}") for which, end in zip(("low", "high"), ends, strict=True))
    rounded = emission.node("Round", [emission.node("Div", [*inputs, scale], f"{name}.steps")], f"{name}.rounded")
    return emission.node("Mul", [emission.node("Clip", [rounded, low, high], f"{name}.levels"), scale], name)


def _bounds(module: FakeQuantize) -> Bounds:
    """The outermost levels."""
    largest = float(module.scale.max())
    return module.lowest * largest, module.highest * largest


FAKE_QUANTIZE = register_activation(
    FakeQuantize,
    reads={("", "QuantizeLinear"): _read_quantize},
    write=_write,
    cost=NoForm("rounding has no price"),
    bounds=_bounds,
)
DEQUANTIZE = register_composed(Composed(reads={("", "DequantizeLinear"): _read_dequantize}, made_of=(Embedding,)))
