"""BatchNormalization at inference, and what does nothing at inference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx
import torch
from torch import nn

from snnconv.graph.emission import EMITTERS, Emission
from snnconv.graph.modules import Signal
from snnconv.graph.node import HANDLERS, Call, NodeView, Refusal

NORMS: dict[int, type[Any]] = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
FLOATS = tuple(getattr(onnx.TensorProto, name) for name in ("FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16"))
NARROW = {onnx.TensorProto.FLOAT16: "float16", onnx.TensorProto.BFLOAT16: "bfloat16"}  # have fewer digits than float32


@HANDLERS.register(("", "BatchNormalization"))
def _import_batchnorm(node: NodeView) -> Call:
    if node.int_attribute("spatial", 1) != 1:
        raise Refusal("statistics for each position (spatial = 0) are not supported")
    if node.int_attribute("training_mode", 0):
        raise Refusal("in training mode it acts across the batch; export the network in evaluation mode")
    if node.rank() not in NORMS:
        raise Refusal(f"an input of rank {node.rank()} is not supported; 2 to 5 are")
    channels = node.shape()[1]
    if any(node.need_constant(position).shape != (channels,) for position in range(1, 5)):
        raise Refusal(f"its scale, bias, mean and variance must have the input's {channels} channels")
    with torch.device("meta"):
        module = NORMS[node.rank()](
            channels,
            eps=node.float_attribute("epsilon", 1e-5),
            momentum=1 - node.float_attribute("momentum", 0.9),
        )
    module.weight = node.parameter(1)
    module.bias = node.parameter(2)
    module.running_mean = node.buffer(3)
    module.running_var = node.buffer(4)
    module.num_batches_tracked = torch.zeros((), dtype=torch.int64)
    return Call((module,))


@HANDLERS.register(("", "Identity"))
def _import_identity(node: NodeView) -> Call:
    return Call(())


@HANDLERS.register(("", "Dropout"))
def _import_dropout(node: NodeView) -> Call:
    training = node.constant(2)
    if training is not None and training.any():
        raise Refusal("in training mode it is random; export the network in evaluation mode")
    return Call(())


@HANDLERS.register(("", "Cast"))
def _import_cast(node: NodeView) -> Call:
    if node.attributes.get("to") not in FLOATS:
        raise Refusal("activations are floating point; a cast to another kind of number is not supported")
    return Call((), narrowed=NARROW.get(node.attributes["to"], ""))


@HANDLERS.register(("", "CastLike"))
def _import_cast_like(node: NodeView) -> Call:
    if not node.is_constant(1):
        return Call(())
    kind = node.need_constant(1).dtype
    if kind.kind not in "fV":
        raise Refusal("activations are floating point; a cast to another kind of number is not supported")
    return Call((), narrowed=NARROW.get(onnx.helper.np_dtype_to_tensor_dtype(kind), ""))


@EMITTERS.register(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
def _emit_batchnorm(module: Any, emission: Emission, inputs: Sequence[str], name: str) -> str:
    tensors = ("weight", "bias", "running_mean", "running_var")
    operands = [emission.parameter(getattr(module, tensor), f"{name}.{tensor}") for tensor in tensors]
    return emission.node(
        "BatchNormalization", [*inputs, *operands], name, epsilon=module.eps, momentum=1 - module.momentum
    )


@EMITTERS.register(nn.Identity, Signal)
def _emit_identity(module: nn.Module, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("Identity", inputs, name)
