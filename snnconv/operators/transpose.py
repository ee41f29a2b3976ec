"""Axes in another order; axis 0 stays."""

from __future__ import annotations

from collections.abc import Sequence

from torch import fx

from snnconv.formats.hardware.builder import HardwareBuilder
from snnconv.formats.hardware.layers import HardwareSignal
from snnconv.formats.hardware.moves import move
from snnconv.formats.nir.draft import INPUT
from snnconv.formats.nir.signals import NirSignal
from snnconv.formats.nir.writer import NirWriter
from snnconv.graph.emission import Emission
from snnconv.graph.modules import Transpose
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import FREE, NeuronPlace, Operator, Time, moved, register_operator
from snnconv.operators.forms import IN_FLOAT


def _read(node: NodeView) -> Call:
    rank = node.rank()
    order = [int(axis) for axis in node.attributes.get("perm", reversed(range(rank)))]
    if sorted(order) != list(range(rank)):
        raise Refusal(f"its perm {order} does not fit an input of rank {rank}")
    if order[0] != 0:
        raise Refusal("it moves the batch axis")
    return Call(() if order == sorted(order) else (Transpose(order),))


def _write(module: Transpose, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("Transpose", inputs, name, perm=list(module.order))


def _hardware(
    builder: HardwareBuilder, node: fx.Node, module: Transpose, inputs: list[HardwareSignal]
) -> HardwareSignal:
    return move(builder, node, module, inputs, "transpose", {"order": [axis - 1 for axis in module.order[1:]]})


def _nir(writer: NirWriter, node: fx.Node, module: Transpose, inputs: list[NirSignal]) -> NirSignal:
    if list(inputs[0].terms) == [INPUT] and writer.turned:
        return inputs[0]
    raise Refusal("NIR does not permute axes: only an input that is turned to channels first is written")


TRANSPOSE = register_operator(
    Operator(
        modules=(Transpose,),
        reads={("", "Transpose"): _read},
        write=_write,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=FREE,
        routes=moved,
        shape=None,
        forms={"hardware": _hardware, "int8": IN_FLOAT, "nir": _nir},
    )
)
