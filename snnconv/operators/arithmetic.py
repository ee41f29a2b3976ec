"""Add, Sub, Mul, Div: of two activations, or of an activation and a constant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, fx, nn

from snnconv.formats.hardware.builder import HardwareBuilder
from snnconv.formats.hardware.layers import HardwareSignal
from snnconv.formats.hardware.linear import affine
from snnconv.formats.hardware.sums import total
from snnconv.formats.nir.signals import NirSignal, by_channel
from snnconv.formats.nir.writer import NirWriter
from snnconv.formats.onnx.integers import LevelForm
from snnconv.graph.emission import Emission
from snnconv.graph.kinds import Truncation
from snnconv.graph.modules import Arithmetic, ArithmeticName
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import Arrival, Cost, NeuronPlace, Operator, Time, Work, register_operator

NAMES: dict[str, ArithmeticName] = {"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div"}


def _read(node: NodeView) -> Call:
    operator = NAMES[node.operator]
    constants = [position for position in (0, 1) if node.is_constant(position)]
    if not constants:
        if node.rank(0) != node.rank(1):
            raise Refusal("its operands have different ranks, so that one would be broadcast over the batch axis")
        whole = operator == "div" and all(node.activation(position).kind == "int" for position in (0, 1))
        return Call((Arithmetic(operator), Truncation()) if whole else (Arithmetic(operator),), (0, 1))
    position = constants[0]
    array = node.need_constant(position)
    rank = node.rank(1 - position)
    if array.ndim > rank or (array.ndim == rank and array.shape[0] != 1):
        raise Refusal(f"its constant of shape {array.shape} differs between members of a batch")
    if operator == "div" and position == 1 and not array.all():
        raise Refusal("it divides by a constant that is 0")
    mask = operator in ("add", "sub") and np.isneginf(array.astype(np.float32)).any()
    constant = nn.Parameter(node.bound(position)) if mask else node.parameter(position)
    module = Arithmetic(operator, constant, constant_first=position == 0)
    whole = operator == "div" and node.activation(1 - position).kind == "int"
    return Call((module, Truncation()) if whole else (module,), (1 - position,))


def _read_neg(node: NodeView) -> Call:
    return Call((Arithmetic("mul", nn.Parameter(torch.tensor(-1.0))),))


def _write(module: Arithmetic, emission: Emission, inputs: Sequence[str], name: str) -> str:
    operands = list(inputs)
    if len(operands) == 1:
        assert module.constant is not None
        constant = emission.parameter(module.constant, f"{name}.constant")
        operands.insert(0 if module.constant_first else 1, constant)
    return emission.node(module.operator.capitalize(), operands, name)


def _time(module: Arithmetic, changing: Sequence[bool]) -> Time:
    """Sums are affine in both operands together, products in one, quotients in the numerator."""
    if module.operator in ("add", "sub"):
        return Time.AFFINE
    if sum(changing) > 1:
        return Time.PRODUCT if module.operator == "mul" else Time.FUNCTION
    numerator_changes = not module.constant_first and changing[0]
    return Time.AFFINE if module.operator == "mul" or numerator_changes else Time.FUNCTION


def _dense(module: Arithmetic, inputs: int, outputs: int) -> Work:
    """One addition or one multiplication an output."""
    return Work(0, outputs) if module.operator in ("add", "sub") else Work(outputs, 0)


def _arrival(module: Arithmetic) -> Arrival:
    """Summands are an addition each, factors a multiplication each."""
    if module.operator in ("add", "sub"):
        return Arrival.ADDED
    return Arrival.SCALED if module.operator == "mul" else Arrival.VALUES


def _route(module: Arithmetic, counts: Sequence[Tensor]) -> Tensor | None:
    """All: a constant factor belongs to the next synapse's weight, a constant summand to its bias."""
    if module.constant is not None:
        if module.operator == "div" and module.constant_first:
            return None
        return counts[0].expand_as(counts[0] + module.constant)
    return counts[0] + counts[1] if module.operator in ("add", "sub") else None


def _shape(module: Arithmetic, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    constants = [] if module.constant is None else [tuple(module.constant.shape)]
    return np.broadcast_shapes(*shapes, *constants)


def _hardware(
    builder: HardwareBuilder, node: fx.Node, module: Arithmetic, inputs: list[HardwareSignal]
) -> HardwareSignal:
    if module.constant is None:
        return total(builder, node, module, inputs)
    return affine(builder, node, module, inputs)


def _nir(writer: NirWriter, node: fx.Node, module: Arithmetic, inputs: list[NirSignal]) -> NirSignal:
    if len(inputs) == 2:
        if module.operator not in ("add", "sub"):
            raise Refusal("the product of two signals is in no NIR node: a network without gates is written")
        sign = 1.0 if module.operator == "add" else -1.0
        first, second = inputs[::-1] if module.constant_first else inputs
        return first.plus(second, sign)
    (signal,) = inputs
    assert module.constant is not None
    constant = by_channel(module.constant, signal.shape)
    if module.operator == "mul":
        return signal.scaled(constant)
    if module.operator == "div" and not module.constant_first:
        return signal.scaled(1 / constant)
    if module.operator == "div":
        raise Refusal("it divides by a signal, which no NIR node does")
    if module.operator == "sub" and module.constant_first:
        signal = signal.scaled(np.array(-1.0))
    elif module.operator == "sub":
        constant = -constant
    return writer.draft.shift(signal, constant)


def _int8(module: Arithmetic) -> LevelForm | None:
    """A sum of two activations: summand of a convolution of levels."""
    return LevelForm.ADDED if module.operator == "add" else None


ARITHMETIC = register_operator(
    Operator(
        modules=(Arithmetic,),
        reads={**{("", name): _read for name in NAMES}, ("", "Neg"): _read_neg},
        write=_write,
        time=_time,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=Cost(dense=_dense, arrival=_arrival),
        routes=_route,
        shape=_shape,
        forms={"hardware": _hardware, "int8": _int8, "nir": _nir},
    )
)
