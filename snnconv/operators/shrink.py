"""Shrink: values near 0 become 0, all others move towards it."""

from __future__ import annotations

from collections.abc import Sequence

from snnconv.graph.elementwise import Shrink
from snnconv.graph.emission import Emission
from snnconv.graph.node import Call, NodeView
from snnconv.operators._records import register_activation


def _read(node: NodeView) -> Call:
    return Call((Shrink(node.float_attribute("lambd", 0.5), node.float_attribute("bias", 0.0)),))


def _write(module: Shrink, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("Shrink", inputs, name, lambd=float(module.threshold), bias=float(module.shift))


SHRINK = register_activation(Shrink, reads={("", "Shrink"): _read}, write=_write)
