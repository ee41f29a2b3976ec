"""Joining along an axis other than the batch's, also with constants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx

from snnconv.formats.hardware.builder import HardwareBuilder
from snnconv.formats.hardware.layers import HardwareSignal
from snnconv.formats.hardware.moves import move
from snnconv.formats.nir.layers import placement
from snnconv.formats.nir.signals import NirSignal
from snnconv.formats.nir.writer import NirWriter
from snnconv.graph.emission import Emission
from snnconv.graph.modules import Concat
from snnconv.graph.node import Call, Constant, NodeView, Refusal
from snnconv.graph.operator import FREE, NeuronPlace, Operator, Time, register_operator
from snnconv.operators.forms import IN_FLOAT


def _read(node: NodeView) -> Call:
    parts = [i for i, operand in enumerate(node.operands) if not (isinstance(operand, Constant) and _is_empty(operand))]
    positions = tuple(i for i in parts if not node.is_constant(i))
    axis = node.axis(int(node.attributes["axis"]), node.rank(positions[0]))
    constants = {
        place: _per_sample(operand, node, positions[0])
        for place, operand in enumerate(node.operands[i] for i in parts)
        if isinstance(operand, Constant)
    }
    return Call((Concat(axis, constants),) if len(parts) > 1 else (), positions)


def _is_empty(constant: Constant) -> bool:
    return constant.values[0].size == 0


def _per_sample(constant: Constant, node: NodeView, position: int) -> torch.Tensor:
    """Return a constant `[B, ...]` that is the same for each member of the batch, as `[1, ...]`."""
    sample = constant.values[0][:1]
    for value, shape in zip(constant.values, node.activation(position).shapes, strict=True):
        if (
            value.ndim != len(shape)
            or value.shape[0] not in (1, shape[0], node.file_length(position))
            or value.shape[1:] != sample.shape[1:]
            or (value != sample).any()
        ):
            raise Refusal(f"a constant of shape {value.shape} differs between members of a batch")
    return torch.from_numpy(np.array(sample, dtype=np.float32))


def _write(module: Concat, emission: Emission, inputs: Sequence[str], name: str) -> str:
    operands = list(inputs)
    for position in module.positions:
        constant = module.get_buffer(f"constant{position}")
        values = emission.parameter(constant, f"{name}.constant{position}")
        batch = emission.node("Shape", [inputs[0]], f"{name}.batch{position}", end=1)
        rest = emission.ints(constant.shape[1:], f"{name}.rest{position}")
        shape = emission.node("Concat", [batch, rest], f"{name}.shape{position}", axis=0)
        operands.insert(position, emission.node("Expand", [values, shape], f"{name}.expanded{position}"))
    return emission.node("Concat", operands, name, axis=module.axis)


def _route(module: Concat, counts: Sequence[Tensor]) -> Tensor:
    """All: constants beside them belong to the next bias."""
    silent = {place: torch.zeros_like(module.get_buffer(f"constant{place}")) for place in module.positions}
    joined: Tensor = Concat(module.axis, silent)(*counts)
    return joined


def _shape(module: Concat, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    first, axis = shapes[0], module.axis
    parts = [*shapes, *((first[0], *module.get_buffer(f"constant{i}").shape[1:]) for i in module.positions)]
    if any(len(part) != len(first) for part in parts):
        raise ValueError("the operands have different ranks")
    if any(part[:axis] + part[axis + 1 :] != first[:axis] + first[axis + 1 :] for part in parts):
        raise ValueError(f"the operands differ along another axis than {axis}")
    return (*first[:axis], sum(part[axis] for part in parts), *first[axis + 1 :])


def _hardware(builder: HardwareBuilder, node: fx.Node, module: Concat, inputs: list[HardwareSignal]) -> HardwareSignal:
    if module.positions:
        raise Refusal("it joins constants to activations")
    return move(builder, node, module, inputs, "concat", {"axis": module.axis % (len(node.meta["shape"]) + 1) - 1})


def _nir(writer: NirWriter, node: fx.Node, module: Concat, inputs: list[NirSignal]) -> NirSignal:
    if module.axis != 1 or module.positions:
        raise Refusal("it joins constants, or along another axis than the channels'")
    shape = tuple(node.meta["shape"])
    total, first = sum(signal.shape[0] for signal in inputs), 0
    terms: dict[str, NDArray[Any]] = {}
    for signal in inputs:
        channels = placement(signal.shape[0], total, first, signal.shape)
        terms.update(writer.draft.convolve(str(node.target), shape, channels, signal).terms)
        first += signal.shape[0]
    return NirSignal(terms, shape, frozenset(terms))


CONCAT = register_operator(
    Operator(
        modules=(Concat,),
        reads={("", "Concat"): _read},
        write=_write,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=FREE,
        routes=_route,
        shape=_shape,
        forms={"hardware": _hardware, "int8": IN_FLOAT, "nir": _nir},
    )
)
