"""Axes of size 1, dropped or put in."""

from __future__ import annotations

from collections.abc import Sequence

from snnconv.formats.hardware.moves import reshape
from snnconv.formats.nir.forms import flatten
from snnconv.graph.emission import Emission
from snnconv.graph.modules import Squeeze, Unsqueeze
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import FREE, NeuronPlace, Operator, Time, moved, register_operator
from snnconv.operators.forms import IN_FLOAT, NO_NIR


def _read_squeeze(node: NodeView) -> Call:
    axes, shape = node.ints("axes", 1), node.shape()
    if not axes:
        if node.file_batch == 1:
            raise Refusal("it drops the batch axis, which is 1 in this file; name its axes")
        axes = [axis for axis, size in enumerate(shape) if size == 1]
    axes = sorted(node.axis(axis) for axis in axes)
    if any(shape[axis] != 1 for axis in axes):
        raise Refusal(f"its axes {axes} of an input of shape {list(shape[1:])} beside the batch are not all 1")
    return Call((Squeeze(axes),) if axes else ())


def _read_unsqueeze(node: NodeView) -> Call:
    axes = node.ints("axes", 1)
    if not axes:
        raise Refusal("its axes are missing")
    return Call((Unsqueeze([node.axis(axis, node.rank() + len(axes)) for axis in axes]),))


def _write(module: Squeeze | Unsqueeze, emission: Emission, inputs: Sequence[str], name: str) -> str:
    axes = emission.ints(module.axes, f"{name}.axes")
    return emission.node(type(module).__name__, [*inputs, axes], name)


SQUEEZE = register_operator(
    Operator(
        modules=(Squeeze,),
        reads={("", "Squeeze"): _read_squeeze},
        write=_write,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=FREE,
        routes=moved,
        shape=None,
        forms={"hardware": reshape, "int8": IN_FLOAT, "nir": flatten},
    )
)
UNSQUEEZE = register_operator(
    Operator(
        modules=(Unsqueeze,),
        reads={("", "Unsqueeze"): _read_unsqueeze},
        write=_write,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=FREE,
        routes=moved,
        shape=None,
        forms={"hardware": reshape, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
