"""Operators that do not become spiking, by the names that their users know: recurrent layers.

They are found in the file itself, before anything is imported, so that one that stands behind another is listed too.
"""

from __future__ import annotations

import onnx
from torch import nn

from snnconv.errors import UnsupportedNode

__all__ = ["first_output", "module_refusals", "named_refusals"]

RECURRENT = "a recurrent layer (LSTM, GRU) is not supported"
BY_OPERATOR = {"GRU": RECURRENT, "LSTM": RECURRENT, "RNN": RECURRENT}
BY_MODULE: dict[type[nn.Module], str] = {nn.RNNBase: RECURRENT}


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
