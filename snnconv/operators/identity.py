"""Identity, and what does nothing at inference: dropout, casts between kinds of floating-point numbers; other casts."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from torch import fx, nn

from snnconv.formats.hardware.builder import HardwareBuilder
from snnconv.formats.hardware.layers import HardwareSignal
from snnconv.formats.nir.forms import pass_on
from snnconv.graph.emission import Emission
from snnconv.graph.kinds import Truncation, Truth, kind_of_values
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
from snnconv.graph.quantization import FakeQuantize
from snnconv.graph.shapes import same_shape
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR
from snnconv.operators.rectifier import NO_COST, NO_ROUTE

FLOATS = tuple(getattr(onnx.TensorProto, name) for name in ("FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16"))
WHOLE = (onnx.TensorProto.INT32, onnx.TensorProto.INT64)
SHORT = tuple(getattr(onnx.TensorProto, name) for name in ("INT8", "UINT8", "INT16", "UINT16", "UINT32", "UINT64"))
# Types that have fewer digits than float32.
NARROW: dict[int, str] = {onnx.TensorProto.FLOAT16: "float16", onnx.TensorProto.BFLOAT16: "bfloat16"}


def _read_identity(node: NodeView) -> Call:
    return Call(())


def _read_dropout(node: NodeView) -> Call:
    training = node.constant(2)
    if training is not None and training.any():
        raise Refusal("in training mode it is random; export the network in evaluation mode")
    return Call(())


def _read_cast(node: NodeView) -> Call:
    return _cast(node, int(node.attributes["to"]))


def _read_cast_like(node: NodeView) -> Call:
    if node.is_constant(1):
        return _cast(node, onnx.helper.np_dtype_to_tensor_dtype(node.need_constant(1).dtype))
    types = {"float": onnx.TensorProto.FLOAT, "int": onnx.TensorProto.INT64, "bool": onnx.TensorProto.BOOL}
    return _cast(node, types[node.activation(1).kind])


def _cast(node: NodeView, to: int) -> Call:
    """Truth, or the whole number next to it towards 0; nothing is done where the values are such already."""
    if isinstance(node.activation().module, FakeQuantize) and node.activation().kind == "int":
        raise Refusal("it reads quantized numbers themselves; only DequantizeLinear may")
    if to in FLOATS:
        return Call((), narrowed=NARROW.get(to, ""), kind="float")
    kind = kind_of_values(node.activation())
    if to == onnx.TensorProto.BOOL:
        return Call(() if kind == "bool" else (Truth(),), kind="bool")
    if to in WHOLE or (to in SHORT and kind == "bool"):
        return Call((Truncation(),) if kind == "float" else (), kind="int")
    name = onnx.TensorProto.DataType.Name(to)
    raise Refusal(f"a cast to numbers of the type {name} is not supported, only to floats, booleans, INT32 and INT64")


def _write_truncation(module: Truncation, emission: Emission, inputs: Sequence[str], name: str) -> str:
    whole = emission.node("Cast", inputs, f"{name}.whole", to=onnx.TensorProto.INT64)
    return emission.node("Cast", [whole], name, to=onnx.TensorProto.FLOAT)


def _write_truth(module: Truth, emission: Emission, inputs: Sequence[str], name: str) -> str:
    truth = emission.node("Cast", inputs, f"{name}.truth", to=onnx.TensorProto.BOOL)
    return emission.node("Cast", [truth], name, to=onnx.TensorProto.FLOAT)


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
TRUNCATION = register_operator(
    Operator(
        modules=(Truncation,),
        reads={},
        write=_write_truncation,
        time=Time.FUNCTION,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=NO_COST,
        routes=NO_ROUTE,
        shape=same_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
TRUTH = register_operator(
    Operator(
        modules=(Truth,),
        reads={},
        write=_write_truth,
        time=Time.FUNCTION,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=NO_COST,
        routes=NO_ROUTE,
        shape=same_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
        bounds=(0.0, 1.0),
    )
)
CAST = register_composed(
    Composed(reads={("", "Cast"): _read_cast, ("", "CastLike"): _read_cast_like}, made_of=(Truncation, Truth))
)
