"""Constant folding: a node whose operands are all known is computed once, at import.

The arithmetic is ONNX's own reference implementation. Only operators that give the same values every time
fold, and the size of a result is inferred before it is computed, so that a small file cannot ask for all the
memory there is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from snnconv.graph.node import Activation, Constant, NodeView, Pieces, Refusal

__all__ = ["FOLDABLE", "Folder", "broadcast_of", "cast_like", "piece_of", "pieces_of", "shape_of"]

_FOLDABLE = """
    Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh BatchNormalization BitShift BitwiseAnd BitwiseNot
    BitwiseOr BitwiseXor Cast CastLike Ceil Celu Clip Compress Concat Constant ConstantOfShape Conv Cos Cosh
    CumSum DepthToSpace DequantizeLinear Div Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor Gather
    GatherElements GatherND Gelu Gemm Greater GreaterOrEqual HardSigmoid HardSwish Identity IsInf IsNaN
    LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization MatMul Max Mean Min Mish Mod
    Mul Neg NonZero Not OneHot Or Pad Pow QuantizeLinear Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum
    ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize
    Round ScatterElements ScatterND Selu Shape Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign
    SpaceToDepth Split Sqrt Squeeze Sub Sum Tan Tanh Tile TopK Transpose Trilu Unsqueeze Where Xor
"""
FOLDABLE = frozenset(_FOLDABLE.split())
IMPLEMENTED_FROM = {"DequantizeLinear": 19, "QuantizeLinear": 19}  # opset; before it they mean the same
MAX_BYTES = 2**30  # of all folded values of one file together
# Operators whose value is in the file already, or shares the memory of their operand.
IN_PLACE = ("Constant", "Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
SMALL = 1024  # elements of an operand whose values, not only its shape, go into the inference of sizes

Array = NDArray[Any]


def shape_of(view: NodeView) -> Constant:
    """Return the result of `Shape`, which is known although its operand is not."""
    operand = view.operand(0)
    if isinstance(operand, Activation):
        shapes: Sequence[Sequence[int]] = operand.file_shapes
    elif isinstance(operand, Constant):
        shapes = [value.shape for value in operand.values]
    else:
        raise Refusal("input 0 is missing")
    cut = slice(view.attributes.get("start", 0), view.attributes.get("end"))
    first, second = (np.array(shape[cut], dtype=np.int64) for shape in shapes)
    return Constant((first, second), view.outputs[0])


def broadcast_of(view: NodeView) -> Constant:
    """Return zeros in the place of a function of several operands, of which only the shape is read."""
    shapes = [
        operand.file_shapes if isinstance(operand, Activation) else [value.shape for value in operand.values]
        for operand in view.operands
        if isinstance(operand, (Activation, Constant))
    ]
    try:
        first, second = (np.broadcast_to(np.float32(0), np.broadcast_shapes(*at)) for at in zip(*shapes, strict=True))
    except ValueError as error:
        raise Refusal(f"its operands' shapes do not fit each other: {error}") from error
    return Constant((first, second), view.outputs[0])


def cast_like(view: NodeView) -> Constant:
    """Return the result of `CastLike` of a constant to the type of an activation, which is 32-bit floating point."""
    operand = view.operand(0)
    assert isinstance(operand, Constant)
    if operand.values[0].dtype == np.float32:
        return operand
    first, second = (value.astype(np.float32) for value in operand.values)
    return Constant((first, second), view.outputs[0])


def pieces_of(view: NodeView) -> Pieces:
    """Return the result of `SplitToSequence` of a constant."""
    operand, axis = view.operand(0), view.int_attribute("axis", 0)
    assert isinstance(operand, Constant)
    split = view.need_constant(1)
    ends = []
    for value in operand.values:
        length = value.shape[axis]
        parts = split if split.ndim else np.diff([*range(0, length, max(1, int(split))), length])
        if parts.min(initial=1) < 0 or parts.sum() != length:
            raise Refusal(f"its parts {parts.tolist()} do not fit an axis of size {length}")
        ends.append(np.split(value, np.cumsum(parts)[:-1], axis))
    names = (f"{view.outputs[0]}[{place}]" for place in range(len(ends[0])))
    return Pieces(tuple(Constant((first, second), name) for first, second, name in zip(*ends, names, strict=True)))


def piece_of(view: NodeView) -> Activation | Constant:
    """Return the result of `SequenceAt`: one part of a tensor that was split."""
    sequence, position = view.operand(0), int(view.need_constant(1))
    assert isinstance(sequence, Pieces)
    if not -len(sequence.parts) <= position < len(sequence.parts):
        raise Refusal(f"position {position} is outside a sequence of {len(sequence.parts)}")
    return sequence.parts[position]


class Folder:
    """Computes nodes of known operands, within a budget of memory.

    Attributes:
        left: Bytes that may still be made.
    """

    def __init__(self) -> None:
        self.left = MAX_BYTES

    def fold(self, node: onnx.NodeProto, view: NodeView) -> dict[str, Constant]:
        """Return the node's outputs by name, computed at each probe batch size where they depend on it.

        Raises:
            Refusal: the reference implementation cannot compute it, or the result is too large.
        """
        operands = [operand for operand in view.operands if isinstance(operand, Constant)]
        if node.op_type == "Identity" and len(operands) == 1:
            return {node.output[0]: operands[0]}  # the same initializer by another name: sharing is kept
        probes = (0,) if all(operand.fixed is not None for operand in operands) else (0, 1)
        results = [
            self._compute(node, view, [o.values[probe] if isinstance(o, Constant) else None for o in view.operands])
            for probe in probes
        ]
        names = [name for name in node.output if name]
        return {
            name: Constant((values[0], values[-1]), name)
            for name, values in zip(names, zip(*results, strict=True), strict=True)
        }

    def _compute(self, node: onnx.NodeProto, view: NodeView, operands: Sequence[Array | None]) -> list[Array]:
        known = {name: value for name, value in zip(node.input, operands, strict=True) if value is not None}
        if node.op_type == "CumSum" and len(node.input) > 1:  # an axis [1] is read, too, as runtimes do
            known[node.input[1]] = known[node.input[1]].reshape(-1)[:1].reshape(())
        try:
            opset = max(view.opset, IMPLEMENTED_FROM.get(node.op_type, 0))
            if node.op_type not in IN_PLACE:
                self._spend(_inferred_bytes(node, opset, known))
            return _evaluate(node, opset, known)
        except Refusal:
            raise
        except Exception as error:  # onnx raises what it likes on nodes that are wrong
            reason = (str(error).splitlines() or [repr(error)])[0]
            raise Refusal(f"it cannot be computed from its constants: {reason}") from error

    def _spend(self, needed: int) -> None:
        if needed > self.left:
            raise Refusal(f"its value would take {needed} bytes: constants computed from others may take {MAX_BYTES}")
        self.left -= needed


def _inferred_bytes(node: onnx.NodeProto, opset: int, known: dict[str, Array]) -> int:
    """Size of the outputs, in bytes."""
    if node.op_type == "NonZero":  # at most an index for each axis of each element
        return sum(8 * value.size * max(1, value.ndim) for value in known.values())
    if node.op_type == "Compress":  # at most all elements
        return sum(value.nbytes for value in known.values())
    types = {
        name: onnx.helper.make_tensor_type_proto(onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in known.items()
    }
    data = {name: numpy_helper.from_array(value) for name, value in known.items() if value.size <= SMALL}
    schema = onnx.defs.get_schema(node.op_type, opset)
    inferred = onnx.shape_inference.infer_node_outputs(
        schema, node, types, data, opset_imports=[onnx.helper.make_opsetid("", opset)]
    )
    return sum(_bytes_of(output.tensor_type) for output in inferred.values())


def _bytes_of(kind: onnx.TypeProto.Tensor) -> int:
    if not kind.HasField("shape") or not all(dim.HasField("dim_value") for dim in kind.shape.dim):
        raise Refusal("the size of its value cannot be told beforehand")
    itemsize: int = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).itemsize
    return itemsize * math.prod(int(dim.dim_value) for dim in kind.shape.dim)


def _evaluate(node: onnx.NodeProto, opset: int, known: dict[str, Array]) -> list[Array]:
    inputs = [onnx.helper.make_value_info(name, onnx.TypeProto()) for name in known]
    outputs = [onnx.helper.make_value_info(name, onnx.TypeProto()) for name in node.output if name]
    graph = onnx.helper.make_graph([node], "fold", inputs, outputs)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    with np.errstate(all="ignore"):
        return [np.asarray(value) for value in ReferenceEvaluator(model).run(None, known)]
