"""Operators that do not become spiking, by the names that their users know: GELU, SiLU, LayerNorm.

Exporters write some of them as several nodes. They are found in the file itself, before anything is imported, so that
one that stands behind another is listed too.
"""

from __future__ import annotations

from itertools import permutations

import onnx
from torch import nn

from snnconv.errors import UnsupportedNode
from snnconv.graph.node import HANDLERS

__all__ = ["module_refusals", "named_refusals"]

_ACTIVATION = "{} is not supported, only ReLU and its kin are (ReLU6, LeakyReLU, PReLU, hard-swish, hard-sigmoid)"
_NORMALIZATION = "{} is not supported: it divides by statistics of its own input, as batch-norm does not"
RECURRENT = "a recurrent layer (LSTM, GRU) is not supported"
SILU = _ACTIVATION.format("SiLU (swish)")
MISH = _ACTIVATION.format("Mish")
GROUP_NORM = _NORMALIZATION.format("GroupNorm")
LAYER_NORM = _NORMALIZATION.format("LayerNorm, or a normalisation like it,")
UNIT_LENGTH = _NORMALIZATION.format("a normalisation to unit length")

BY_OPERATOR = {
    "Celu": _ACTIVATION.format("CELU"),
    "Elu": _ACTIVATION.format("ELU"),
    "Erf": _ACTIVATION.format("GELU (by its formula with the error function)"),
    "Gelu": _ACTIVATION.format("GELU"),
    "GRU": RECURRENT,
    "GroupNormalization": GROUP_NORM,
    "InstanceNormalization": _NORMALIZATION.format("InstanceNorm"),
    "LSTM": RECURRENT,
    "LayerNormalization": _NORMALIZATION.format("LayerNorm"),
    "LpNormalization": UNIT_LENGTH,
    "LRN": _NORMALIZATION.format("local response normalisation"),
    "MeanVarianceNormalization": LAYER_NORM,
    "Mish": MISH,
    "Pow": "a power of an activation, as in LayerNorm and GELU, is not supported",
    "ReduceL2": UNIT_LENGTH,
    "RNN": RECURRENT,
    "RMSNormalization": _NORMALIZATION.format("RMSNorm"),
    "Selu": _ACTIVATION.format("SELU"),
    "SimplifiedLayerNormalization": _NORMALIZATION.format("RMSNorm"),
    "Softplus": _ACTIVATION.format("softplus"),
    "Softsign": _ACTIVATION.format("softsign"),
    "Swish": SILU,
    "Tanh": _ACTIVATION.format("tanh"),
}
BY_MODULE: dict[type[nn.Module], str] = {
    nn.CELU: BY_OPERATOR["Celu"],
    nn.ELU: BY_OPERATOR["Elu"],
    nn.GELU: BY_OPERATOR["Gelu"],
    nn.GroupNorm: GROUP_NORM,
    nn.LayerNorm: BY_OPERATOR["LayerNormalization"],
    nn.Mish: MISH,
    nn.RMSNorm: BY_OPERATOR["RMSNormalization"],
    nn.RNNBase: RECURRENT,
    nn.SELU: BY_OPERATOR["Selu"],
    nn.SiLU: SILU,
    nn.Softplus: BY_OPERATOR["Softplus"],
    nn.Tanh: BY_OPERATOR["Tanh"],
}
SHAPES = ("Shape", "Size")  # what they make is known, whatever they are given


def module_refusals(network: nn.Module) -> list[UnsupportedNode]:
    """Return what is refused by its class, for a network of which there is no graph."""
    return [
        UnsupportedNode(name, kind.__name__, reason)
        for name, module in network.named_modules()
        for kind, reason in BY_MODULE.items()
        if isinstance(module, kind)
    ]


def named_refusals(graph: onnx.GraphProto) -> dict[str, str]:
    """Return reasons by the name of a node's first output, for the nodes that are refused whatever surrounds them."""
    made_by = {name: node for node in graph.node for name in node.output if name}
    changing = {value.name for value in graph.input} - {tensor.name for tensor in graph.initializer}
    reasons = {}
    for node in graph.node:
        read = node.input[:1] if node.op_type == "CastLike" else node.input
        if node.op_type in SHAPES or changing.isdisjoint(read):
            continue
        changing.update(node.output)
        reason = None if node.domain not in ("", "ai.onnx") else _reason(node, made_by)
        if reason:
            reasons[node.output[0]] = reason
    return reasons


def _reason(node: onnx.NodeProto, made_by: dict[str, onnx.NodeProto]) -> str | None:
    """Reason to refuse a node; an operator that has a reader is refused only as part of a pattern."""
    if node.op_type == "Mul":
        return _gated_by_itself(node, made_by)
    if ("", node.op_type) in HANDLERS:
        return None
    if node.op_type == "Sqrt":
        return LAYER_NORM if "ReduceMean" in _upstream(node, made_by, 3) else None
    if node.op_type == "Tanh":
        above = _upstream(node, made_by, 6)
        if "Softplus" in above:
            return MISH
        if "Pow" in above:
            return _ACTIVATION.format("GELU (by its formula with tanh)")
    if node.op_type == "InstanceNormalization" and "Reshape" in _upstream(node, made_by, 1):
        return GROUP_NORM
    return BY_OPERATOR.get(node.op_type)


def _gated_by_itself(node: onnx.NodeProto, made_by: dict[str, onnx.NodeProto]) -> str | None:
    """Reason of `x * sigmoid(x)`, and of `x * sigmoid(1.702 x)`; None of other products."""
    for gated, gate in permutations(node.input, 2):
        sigmoid = made_by.get(gate)
        if sigmoid is None or sigmoid.op_type != "Sigmoid":
            continue
        if gated in sigmoid.input:
            return SILU
        scaled = next((made_by[name] for name in sigmoid.input if name in made_by), None)
        if scaled is not None and scaled.op_type == "Mul" and gated in scaled.input:
            return _ACTIVATION.format("GELU (by its formula with the sigmoid)")
    return None


def _upstream(node: onnx.NodeProto, made_by: dict[str, onnx.NodeProto], steps: int) -> set[str]:
    """Operators that a node's first-hand and further sources are, as far as so many steps up."""
    operators: set[str] = set()
    level = [node]
    for _ in range(steps):
        level = [made_by[name] for one in level for name in one.input if name in made_by]
        operators.update(one.op_type for one in level)
    return operators
