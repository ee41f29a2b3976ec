"""Identity, and what does nothing at inference: dropout, casts between kinds of floating-point numbers."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from torch import fx, nn

from snnconv.formats.hardware.builder import HardwareBuilder
from snnconv.formats.hardware.layers import HardwareSignal
from snnconv.formats.nir.forms import pass_on
from snnconv.graph.emission import Emission
from snnconv.graph.modules import SignalSite
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
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR
from snnconv.operators.rectifier import NO_COST, NO_ROUTE

FLOATS = tuple(getattr(onnx.TensorProto, name) for name in ("FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16"))
NARROW = {onnx.TensorProto.FLOAT16: "float16", onnx.TensorProto.BFLOAT16: "bfloat16"}  # have fewer digits than float32


def _read_identity(node: NodeView) -> Call:
    return Call(())


def _read_dropout(node: NodeView) -> Call:
    training = node.constant(2)
    if training is not None and training.any():
        raise Refusal("in training mode it is random; export the network in evaluation mode")
    return Call(())


def _read_cast(node: NodeView) -> Call:
    if node.attributes.get("to") not in FLOATS:
        raise Refusal("activations are floating point; a cast to another kind of number is not supported")
    return Call((), narrowed=NARROW.get(node.attributes["to"], ""))


def _read_cast_like(node: NodeView) -> Call:
    if not node.is_constant(1):
        return Call(())
    kind = node.need_constant(1).dtype
    if kind.kind not in "fV":
        raise Refusal("activations are floating point; a cast to another kind of number is not supported")
    return Call((), narrowed=NARROW.get(onnx.helper.np_dtype_to_tensor_dtype(kind), ""))


def _write(module: nn.Module, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("Identity", inputs, name)


def _hardware(
    builder: HardwareBuilder, node: fx.Node, module: nn.Identity, inputs: list[HardwareSignal]
) -> HardwareSignal:
    return inputs[0]


IDENTITY = register_operator(
    Operator(
        modules=(nn.Identity,),
        reads={("", "Identity"): _read_identity},
        write=_write,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=FREE,
        routes=moved,
        shape=None,
        forms={"hardware": _hardware, "int8": IN_FLOAT, "nir": pass_on},
    )
)
SIGNAL = register_operator(  # the place of neurons behind another activation, which passes it on
    Operator(
        modules=(SignalSite,),
        reads={},
        write=_write,
        time=Time.AFFINE,
        activation=NeuronPlace.RECTIFIER,
        of_steps=False,
        cost=NO_COST,
        routes=NO_ROUTE,
        shape=None,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
DROPOUT = register_composed(Composed(reads={("", "Dropout"): _read_dropout}, made_of=()))
CAST = register_composed(Composed(reads={("", "Cast"): _read_cast, ("", "CastLike"): _read_cast_like}, made_of=()))
