"""Tanh and softsign, `x / (1 + |x|)`: activations that saturate on both sides."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from snnconv.graph.emission import Emission
from snnconv.graph.node import Call, NodeView
from snnconv.operators._records import register_activation


def _read(node: NodeView) -> Call:
    return Call((nn.Tanh() if node.operator == "Tanh" else nn.Softsign(),))


def _write(module: nn.Tanh | nn.Softsign, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node(type(module).__name__, inputs, name)


TANH = register_activation(
    nn.Tanh, nn.Softsign, reads={("", "Tanh"): _read, ("", "Softsign"): _read}, write=_write, bounds=(-1.0, 1.0)
)
