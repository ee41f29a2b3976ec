"""Operators that do not become spiking, by the names that their users know, and why.

Recurrent layers are found in the file itself, before anything is imported, so that one that stands behind another is
listed too.
"""

from __future__ import annotations

import onnx
from torch import nn

from snnconv.errors import UnsupportedNode

__all__ = ["DATA_DEPENDENT", "first_output", "module_refusals", "named_refusals", "reason_of"]

RECURRENT = "a recurrent layer (LSTM, GRU) is not supported: convolutions over time, or attention, are"
BY_OPERATOR = {"GRU": RECURRENT, "LSTM": RECURRENT, "RNN": RECURRENT}
BY_MODULE: dict[type[nn.Module], str] = {nn.RNNBase: RECURRENT}

DATA_DEPENDENT = ("Compress", "NonMaxSuppression", "NonZero", "Unique")  # have as many outputs as the data make them
INTEGERS = (
    "it computes with the integers of a quantized network: give the network before it was quantized, or one quantized "
    "by pairs of QuantizeLinear and DequantizeLinear (QDQ)"
)
QUANTIZED = (
    *("ConvInteger", "DynamicQuantizeLinear", "DynamicQuantizeMatMul", "MatMulInteger", "MatMulIntegerToFloat"),
    *("MatMulNBits", "QAttention", "QGemm", "QLinearConv", "QLinearMatMul"),
)
LOOP = "a loop cannot be converted: export the network with a fixed number of steps, which writes them one by one"
CONTROL_FLOW = {
    "If": "its condition depends on the input: only one branch can be converted, so export the network with that alone",
    **dict.fromkeys(("Loop", "Scan", "SequenceMap"), LOOP),
}
FOR_ONE_MACHINE = (
    "onnxruntime wrote it for the machine that optimised the file: give the file before that, or optimise it to the "
    "level 'extended' at most"
)
FUSED = "onnxruntime's optimiser made it of several operators: give the file before it was optimised"


def reason_of(operator: str, domain: str) -> str:
    """Return the reason why an operator is refused that has no reader.

    Args:
        operator: ONNX's op_type.
        domain: Its domain; empty for standard operators.
    """
    if operator in CONTROL_FLOW and not domain:
        return CONTROL_FLOW[operator]
    if operator in DATA_DEPENDENT and not domain:
        return "how many outputs it has depends on the data, so that they are no batch"
    if domain == "com.microsoft.nchwc":
        return FOR_ONE_MACHINE
    if domain in ("", "com.microsoft") and (operator in QUANTIZED or operator.startswith("QLinear")):
        return INTEGERS
    return FUSED if domain == "com.microsoft" else f"the operator{f' of domain {domain}' * bool(domain)} is not known"


def module_refusals(network: nn.Module) -> list[UnsupportedNode]:
    """Return what is refused by its class, for a network of which there is no graph."""
    return [
        UnsupportedNode(name, type(module).__name__, reason)
        for name, module in network.named_modules()
        for kind, reason in BY_MODULE.items()
        if isinstance(module, kind)
    ]


def named_refusals(graph: onnx.GraphProto) -> dict[str, str]:
    """Return reasons by the name of a node's first output, for the nodes that are refused whatever surrounds them."""
    return {
        first_output(node): BY_OPERATOR[node.op_type]
        for node in graph.node
        if node.op_type in BY_OPERATOR and node.domain in ("", "ai.onnx")
    }


def first_output(node: onnx.NodeProto) -> str:
    """Return the name of the first output that is asked for, under which a node is listed; "" where there is none."""
    return next(filter(None, node.output), "")
