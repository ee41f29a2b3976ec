"""TopK, ArgMax and ArgMin: the largest and smallest values along an axis, and where they are."""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from snnconv.graph.emission import Emission
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import NeuronPlace, NoForm, Operator, Time, register_operator
from snnconv.graph.ranking import ArgExtremum, TopK
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR

NO_COST = NoForm("comparisons have no price")
NO_ROUTE = NoForm("an order of spikes is not known by their counts")


def _read_position(node: NodeView) -> Call:
    module = ArgExtremum(
        "max" if node.operator == "ArgMax" else "min",
        node.axis(node.int_attribute("axis", 0)),
        keepdims=bool(node.int_attribute("keepdims", 1)),
        last=bool(node.int_attribute("select_last_index", 0)),
    )
    return Call((module,), kind="int")


def _read_top(node: NodeView) -> list[Call]:
    """Values, then positions; where their order is left open they are in order, too."""
    axis, counts = node.axis(node.int_attribute("axis", -1)), node.ints("k", 1)
    if counts is None or len(counts) != 1:
        raise Refusal(f"its k is {counts}, it must be one number")
    (k,), size = counts, node.shape()[axis]
    if not 1 <= k <= size:
        raise Refusal(f"its k is {k}; an axis of size {size} has 1 to {size} largest values")
    largest = bool(node.int_attribute("largest", 1))
    return [
        Call((TopK(k, axis, largest=largest, output="values"),)),
        Call((TopK(k, axis, largest=largest, output="indices"),), kind="int"),
    ]


def _write_position(module: ArgExtremum, emission: Emission, inputs: Sequence[str], name: str) -> str:
    operator = "ArgMax" if module.kind == "max" else "ArgMin"
    keepdims, last = int(module.keepdims), int(module.last)
    positions = emission.node(
        operator, inputs, f"{name}.positions", axis=module.axis, keepdims=keepdims, select_last_index=last
    )
    return _as_float(emission, positions, name)


def _write_top(module: TopK, emission: Emission, inputs: Sequence[str], name: str) -> str:
    operands = [*inputs, emission.ints([module.k], f"{name}.k")]
    settings = {"axis": module.axis, "largest": int(module.largest), "sorted": 1}
    values, positions = emission.outputs("TopK", operands, name, 2, **settings)
    return values if module.output == "values" else _as_float(emission, positions, f"{name}.positions")


def _as_float(emission: Emission, integers: str, name: str) -> str:
    return emission.node("Cast", [integers], name, to=onnx.TensorProto.FLOAT)


def _position_shape(module: ArgExtremum, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    rest = [1] if module.keepdims else []
    return (*shapes[0][: module.axis], *rest, *shapes[0][module.axis + 1 :])


def _top_shape(module: TopK, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    return (*shapes[0][: module.axis], module.k, *shapes[0][module.axis + 1 :])


ARG_EXTREMUM = register_operator(
    Operator(
        modules=(ArgExtremum,),
        reads={("", "ArgMax"): _read_position, ("", "ArgMin"): _read_position},
        write=_write_position,
        time=Time.FUNCTION,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=NO_COST,
        routes=NO_ROUTE,
        shape=_position_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
TOP = register_operator(
    Operator(
        modules=(TopK,),
        reads={("", "TopK"): _read_top},
        write=_write_top,
        time=Time.FUNCTION,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=NO_COST,
        routes=NO_ROUTE,
        shape=_top_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
