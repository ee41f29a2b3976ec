"""QCFS as an ONNX function."""

from __future__ import annotations

from collections.abc import Sequence

from snnconv.graph.emission import EMITTERS, Emission
from snnconv.graph.node import HANDLERS, Call, NodeView
from snnconv.neurons import QCFS
from snnconv.neurons.functions.reading import DOMAIN, count, emit_ceiling, flag, read_ceiling

__all__ = ["TEXTS"]

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


@HANDLERS.register((DOMAIN, "QCFS"))
def _import_qcfs(node: NodeView) -> Call:
    ceiling, axis = read_ceiling(node)
    return Call((QCFS(ceiling, count(node, "total_levels"), signed=flag(node, "signed"), channel_axis=axis),))


@EMITTERS.register(QCFS)
def _emit_qcfs(site: QCFS, emission: Emission, inputs: Sequence[str], name: str) -> str:
    ceiling = emit_ceiling(site, emission, name)
    return emission.node(
        "QCFS", [*inputs, ceiling], name, domain=DOMAIN, total_levels=site.total_levels, signed=int(site.signed)
    )
