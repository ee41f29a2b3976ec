"""Norms, logarithms of sums, and products over axes."""

from __future__ import annotations

import math

from snnconv.graph.elementwise import Elementwise
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import (
    Arrival,
    Composed,
    Cost,
    NeuronPlace,
    Operator,
    Time,
    Work,
    register_composed,
    register_operator,
)
from snnconv.graph.reductions import (
    ReduceL1,
    ReduceL2,
    ReduceLogSumExp,
    ReduceProd,
    ReduceSum,
    ReduceSumSquare,
    Reduction,
)
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR
from snnconv.operators.functions import NO_PRICE
from snnconv.operators.rectifier import NO_ROUTE
from snnconv.operators.reductions import keeps_axes, reduced_axes, reduced_shape, write_reduction

SUMS: tuple[type[Reduction], ...] = (ReduceL1, ReduceL2, ReduceSumSquare)
BY_NAME: dict[str, type[Reduction]] = {kind.__name__: kind for kind in (*SUMS, ReduceLogSumExp, ReduceProd)}


def _read(node: NodeView) -> Call:
    return Call((BY_NAME[node.operator](_axes(node), keepdims=keeps_axes(node)),))


def _read_log_sum(node: NodeView) -> Call:
    return Call((ReduceSum(_axes(node), keepdims=keeps_axes(node)), Elementwise("log")))


def _axes(node: NodeView) -> list[int]:
    axes = reduced_axes(node)
    if axes is None:
        raise Refusal("its list of axes is empty")
    return axes


def _sum_work(module: Reduction, inputs: int, outputs: int) -> Work:
    """A multiply-accumulate an element; of magnitudes an addition."""
    return Work(0, inputs - outputs) if isinstance(module, ReduceL1) else Work(inputs, 0)


def _product_work(module: ReduceProd, inputs: int, outputs: int) -> Work:
    """A product of k values is k - 1 multiplications."""
    return Work(inputs - outputs, 0)


NORMS = register_operator(
    Operator(
        modules=SUMS,
        reads={("", kind.__name__): _read for kind in SUMS},
        write=write_reduction,
        time=Time.FUNCTION,
        activation=NeuronPlace.READ,
        of_steps=False,
        cost=Cost(dense=_sum_work, arrival=Arrival.VALUES),
        routes=NO_ROUTE,
        shape=reduced_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
        bounds=(0.0, math.inf),
    )
)
LOG_SUM_EXP = register_operator(
    Operator(
        modules=(ReduceLogSumExp,),
        reads={("", "ReduceLogSumExp"): _read},
        write=write_reduction,
        time=Time.FUNCTION,
        activation=NeuronPlace.READ,
        of_steps=False,
        cost=NO_PRICE,
        routes=NO_ROUTE,
        shape=reduced_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
PRODUCT = register_operator(
    Operator(
        modules=(ReduceProd,),
        reads={("", "ReduceProd"): _read},
        write=write_reduction,
        time=Time.FUNCTION,
        activation=NeuronPlace.READ,
        of_steps=False,
        cost=Cost(dense=_product_work, arrival=Arrival.VALUES, starts_with_read=True),
        routes=NO_ROUTE,
        shape=reduced_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
LOG_SUM = register_composed(Composed(reads={("", "ReduceLogSum"): _read_log_sum}, made_of=(ReduceSum, Elementwise)))
