"""Repetition along axes: of axes of size 1, or of the whole tensor."""

from __future__ import annotations

from collections.abc import Sequence

from snnconv.graph.emission import Emission
from snnconv.graph.modules import Expand, Tile
from snnconv.graph.node import Call, Constant, NodeView, Refusal
from snnconv.graph.operator import FREE, NeuronPlace, Operator, Time, moved, register_operator
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR


def _read_expand(node: NodeView) -> Call:
    target_shape, shapes = node.operand(1), node.activation().shapes
    if not isinstance(target_shape, Constant):
        raise Refusal("its shape depends on the network's input, or is missing")
    targets = [[int(size) for size in value.reshape(-1)] for value in target_shape.values]
    rank = len(shapes[0])
    for target, shape in zip(targets, shapes, strict=True):
        if len(target) > rank:
            raise Refusal("it puts an axis before the batch's")
        if len(target) == rank and target[0] not in (1, shape[0], node.file_length()):
            raise Refusal("it acts across the batch axis")
    trailing, other = (([1] * (rank - len(target)) + target)[1:] for target in targets)
    sizes = shapes[0][1:]
    if trailing != other or any(new not in (1, old) and old != 1 for new, old in zip(trailing, sizes, strict=True)):
        raise Refusal(f"an input of shape {list(sizes)} beside the batch does not expand to {trailing}")
    if all(new in (1, old) for new, old in zip(trailing, sizes, strict=True)):
        return Call(())
    return Call((Expand(trailing),))


def _read_tile(node: NodeView) -> Call:
    repeats = [int(count) for count in node.need_constant(1).reshape(-1)]
    if len(repeats) != node.rank() or min(repeats) < 1:
        raise Refusal(f"its repeats {repeats} do not fit an input of rank {node.rank()}")
    if repeats[0] != 1:
        raise Refusal("it acts across the batch axis")
    return Call((Tile(repeats[1:]),) if any(count > 1 for count in repeats) else ())


def _write_expand(module: Expand, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("Expand", [*inputs, emission.ints([1, *module.trailing], f"{name}.shape")], name)


def _write_tile(module: Tile, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("Tile", [*inputs, emission.ints([1, *module.repeats], f"{name}.repeats")], name)


EXPAND = register_operator(
    Operator(
        modules=(Expand,),
        reads={("", "Expand"): _read_expand},
        write=_write_expand,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=FREE,
        routes=moved,
        shape=None,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
TILE = register_operator(
    Operator(
        modules=(Tile,),
        reads={("", "Tile"): _read_tile},
        write=_write_tile,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=FREE,
        routes=moved,
        shape=None,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
