"""Cutting along axes other than the batch's: one part of a tensor, or all parts of it."""

from __future__ import annotations

from collections.abc import Sequence

from torch import fx

from snnconv.formats.hardware.builder import HardwareBuilder
from snnconv.formats.hardware.layers import HardwareSignal
from snnconv.formats.hardware.moves import move
from snnconv.formats.nir.forms import convolve
from snnconv.graph.emission import Emission
from snnconv.graph.modules import Gather, Slice
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import (
    FREE,
    Composed,
    NeuronPlace,
    Operator,
    Time,
    moved,
    register_composed,
    register_operator,
)
from snnconv.operators.forms import IN_FLOAT
from snnconv.operators.pad import OPEN_END


def _read(node: NodeView) -> Call:
    starts, stops = node.ints("starts", 1), node.ints("ends", 2)
    if starts is None or stops is None:
        raise Refusal("its starts or ends are missing")
    axes = node.ints("axes", 3)
    axes = list(range(len(starts))) if axes is None else axes
    steps = node.ints("steps", 4) or [1] * len(starts)
    whole = min(node.file_length() or OPEN_END, OPEN_END)  # a stop that takes in the whole batch
    cuts: list[tuple[int, int, int, int]] = []
    turned: list[Gather] = []
    for axis, start, stop, step in zip(axes, starts, stops, steps, strict=True):
        if step < 0:
            turned.append(_backwards(node, node.axis(axis), start, stop, step))
            continue
        if axis % node.rank() == 0 and (start, step) == (0, 1) and stop >= whole:
            continue
        cuts.append((node.axis(axis), start, stop, step))
    along = (Slice(*([list(column) for column in zip(*cuts, strict=True)])),) if cuts else ()
    return Call((*along, *turned))


def _backwards(node: NodeView, axis: int, start: int, stop: int, step: int) -> Gather:
    """Elements from the end of an axis to its beginning."""
    size = node.shape()[axis]
    first = min(start + size if start < 0 else start, size - 1)
    last = max(stop + size if stop < 0 else stop, -1)
    places = range(first, last, step)
    if not places or first < 0:
        raise Refusal(f"it takes nothing of an axis of size {size}, from {start} to {stop} by steps of {step}")
    return Gather(axis, list(places))


def _read_split(node: NodeView) -> list[Call]:
    axis = node.axis(node.int_attribute("axis", 0))
    size, count = node.shape()[axis], len(node.outputs)
    parts = node.ints("split", 1)
    if parts is None:
        length = -(-size // node.int_attribute("num_outputs", count))
        parts = [min(length, size - i * length) for i in range(count)]
    if len(parts) != count:
        raise Refusal(f"its parts {parts} do not fit {count} outputs")
    return _cut(axis, size, parts)


def _read_split_to_sequence(node: NodeView) -> list[Call]:
    axis = node.axis(node.int_attribute("axis", 0))
    size, split = node.shape()[axis], node.constant(1)
    if split is None:
        raise Refusal("its split is missing")
    if split.ndim:
        return _cut(axis, size, [int(part) for part in split])
    length = int(split)
    if length < 1:
        raise Refusal(f"its split is {length}")
    return _cut(axis, size, [min(length, size - start) for start in range(0, size, length)])


def _cut(axis: int, size: int, parts: Sequence[int]) -> list[Call]:
    if sum(parts) != size or min(parts, default=0) < 1:
        raise Refusal(f"its parts {parts} do not fit an axis of size {size}")
    starts = [sum(parts[:i]) for i in range(len(parts))]
    return [Call((Slice([axis], [start], [start + part], [1]),)) for start, part in zip(starts, parts, strict=True)]


def _write(module: Slice, emission: Emission, inputs: Sequence[str], name: str) -> str:
    columns = [
        ("starts", module.starts),
        ("stops", module.stops),
        ("axes", module.axes),
        ("steps", module.steps),
    ]
    return emission.node("Slice", [*inputs, *(emission.ints(v, f"{name}.{k}") for k, v in columns)], name)


def _hardware(builder: HardwareBuilder, node: fx.Node, module: Slice, inputs: list[HardwareSignal]) -> HardwareSignal:
    rank = len(inputs[0].shape)
    cut = {axis % (rank + 1) - 1: bounds for axis, *bounds in _bounds(module)}
    whole = [list(slice(*cut.get(axis, (None,))).indices(size)) for axis, size in enumerate(inputs[0].shape)]
    return move(builder, node, module, inputs, "slice", {"starts_stops_steps": whole})


def _bounds(module: Slice) -> list[tuple[int, int, int, int]]:
    return list(zip(module.axes, module.starts, module.stops, module.steps, strict=True))


SLICE = register_operator(
    Operator(
        modules=(Slice,),
        reads={("", "Slice"): _read},
        write=_write,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=FREE,
        routes=moved,
        shape=None,
        forms={"hardware": _hardware, "int8": IN_FLOAT, "nir": convolve},
    )
)
SPLIT = register_composed(
    Composed(
        reads={("", "Split"): _read_split, ("", "SplitToSequence"): _read_split_to_sequence},
        made_of=(Slice,),
    )
)
