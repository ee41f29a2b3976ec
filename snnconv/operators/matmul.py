"""MatMul: of two activations, or of an activation and a constant; with a matrix at its right it is a linear layer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from snnconv.graph.emission import Emission
from snnconv.graph.modules import Squeeze
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import Arrival, Cost, NeuronPlace, NoForm, Operator, Time, Work, register_operator
from snnconv.graph.products import ConstantMatMul, MatMul
from snnconv.graph.shapes import Shape
from snnconv.operators.convolution import NO_ROUTE
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR
from snnconv.operators.linear import linear_layer, matrix_of


def _read(node: NodeView) -> Call:
    if node.is_constant(0):
        return _constant_first(node)
    if node.is_constant(1):
        return _constant_last(node)
    ranks = node.rank(0), node.rank(1)
    if ranks[0] != ranks[1] or ranks[0] < 3:
        raise Refusal(
            f"its operands have the ranks {ranks[0]} and {ranks[1]}, so that it acts across the batch axis: both must "
            "have the same rank, of 3 or more"
        )
    return Call((MatMul(),), (0, 1))


def _constant_first(node: NodeView) -> Call:
    shape, rank = node.need_constant(0).shape, node.rank(1)
    _check_constant(shape, rank)
    if rank < 3:
        raise Refusal("its constant is at the left of a matrix that has the batch as its rows: it would mix samples")
    if len(shape) > 1:
        return Call((ConstantMatMul(node.parameter(0), constant_first=True),), (1,))
    row = node.parameter(0, "row", lambda array: array.reshape(1, -1))
    return Call((ConstantMatMul(row, constant_first=True), Squeeze([rank - 2])), (1,))


def _constant_last(node: NodeView) -> Call:
    shape, rank = node.need_constant(1).shape, node.rank()
    _check_constant(shape, rank)
    if len(shape) == 1:
        return Call((linear_layer(node.parameter(1, "row", lambda array: array.reshape(1, -1))), Squeeze([rank - 1])))
    if set(shape[:-2]) - {1}:
        return Call((ConstantMatMul(node.parameter(1)),))
    return Call((linear_layer(matrix_of(node, transposed=False)),))


def _check_constant(shape: Shape, rank: int) -> None:
    if not shape:
        raise Refusal("its constant must be a matrix, it is a single number")
    if len(shape) > rank or (len(shape) > 2 and len(shape) == rank and shape[0] != 1):
        raise Refusal(f"its constant of shape {shape} differs between members of a batch, or puts an axis before it")


def _write(module: MatMul, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("MatMul", inputs, name)


def _write_constant(module: ConstantMatMul, emission: Emission, inputs: Sequence[str], name: str) -> str:
    operands = list(inputs)
    operands.insert(0 if module.constant_first else 1, emission.parameter(module.matrix, f"{name}.matrix"))
    return emission.node("MatMul", operands, name)


def _time(module: MatMul, changing: Sequence[bool]) -> Time:
    """Linear in each operand: a product of signals where both change."""
    return Time.PRODUCT if sum(changing) > 1 else Time.AFFINE


def _product_shape(first: Shape, second: Shape) -> Shape:
    if first[-1] != second[-2]:
        raise ValueError(f"rows of {first[-1]} elements do not fit columns of {second[-2]}")
    return (*np.broadcast_shapes(first[:-2], second[:-2]), first[-2], second[-1])


def _shape(module: MatMul, shapes: Sequence[Shape]) -> Shape:
    return _product_shape(shapes[0], shapes[1])


def _constant_shape(module: ConstantMatMul, shapes: Sequence[Shape]) -> Shape:
    matrix = tuple(module.matrix.shape)
    return _product_shape(matrix, shapes[0]) if module.constant_first else _product_shape(shapes[0], matrix)


def _work(module: MatMul, shapes: Sequence[Shape], outputs: int) -> Work:
    """One multiply-accumulate for each element of a row of the first operand, and output."""
    return Work(outputs * shapes[0][-1], 0)


def _dense(module: ConstantMatMul, inputs: int, outputs: int) -> Work:
    """One multiply-accumulate for each element of a row of the left operand, and output."""
    return Work(outputs * module.features, 0)


def _fan_out(module: ConstantMatMul, shape: torch.Size) -> Tensor:
    """Each position feeds as many: it is in one row or column of each product that it is broadcast to."""
    outputs = math.prod(_constant_shape(module, [tuple(shape)]))
    return torch.tensor(float(outputs * module.features // math.prod(shape)))


MATMUL = register_operator(
    Operator(
        modules=(MatMul,),
        reads={("", "MatMul"): _read},
        write=_write,
        time=_time,
        activation=NeuronPlace.READ,
        of_steps=False,
        cost=Cost(of_shapes=_work, arrival=Arrival.VALUES),
        routes=NoForm("products of spikes are no spikes"),
        shape=_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
CONSTANT_MATMUL = register_operator(
    Operator(
        modules=(ConstantMatMul,),
        reads={},
        write=_write_constant,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=Cost(dense=_dense, arrival=Arrival.SYNAPSES, reads_weights=True, fan_out=_fan_out),
        routes=NO_ROUTE,
        shape=_constant_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
