"""QCFS as an ONNX function."""

from __future__ import annotations

from collections.abc import Sequence

from snnconv.graph.emission import Emission
from snnconv.graph.node import Call, NodeView
from snnconv.neurons.onnx_attributes import DOMAIN, count, emit_ceiling, flag, read_ceiling
from snnconv.neurons.qcfs.module import QCFS

__all__ = ["TEXTS", "emit_qcfs", "read_qcfs"]

# current z [B, ...], ceiling λ broadcastable to it; N = total_levels; levels from -N·signed
_QCFS = """
QCFS <total_levels, signed: int = 0> (current, ceiling) => (activation) {
    total = Constant <value_int: int = @total_levels> ()
    levels = CastLike (total, current)
    step = Div (ceiling, levels)
    position = Div (current, step)
    half = Constant <value_float: float = 0.5> ()
    shifted = Add (position, half)
    floored = Floor (shifted)
    zero = Constant <value_float: float = 0.0> ()
    negative = Constant <value_int: int = @signed> ()
    side = CastLike (negative, current)
    below = Mul (side, levels)
    lowest = Sub (zero, below)
    level = Clip (floored, lowest, levels)
    activation = Mul (level, step)
}
"""

TEXTS = (_QCFS,)


def read_qcfs(node: NodeView) -> Call:
    """Return the quantized activation that a call of the function stands for."""
    ceiling, axis = read_ceiling(node)
    return Call((QCFS(ceiling, count(node, "total_levels"), signed=flag(node, "signed"), channel_axis=axis),))


def emit_qcfs(site: QCFS, emission: Emission, inputs: Sequence[str], name: str) -> str:
    """Write a quantized activation as a call of the function; return the name of its output."""
    ceiling = emit_ceiling(site, emission, name)
    return emission.node(
        "QCFS", [*inputs, ceiling], name, domain=DOMAIN, total_levels=site.total_levels, signed=int(site.signed)
    )
