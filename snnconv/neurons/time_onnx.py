"""The modules where time begins, is averaged and ends, as ONNX functions."""

from __future__ import annotations

from collections.abc import Sequence

from snnconv.graph.emission import EMITTERS, Emission
from snnconv.graph.node import HANDLERS, Call, NodeView, Refusal
from snnconv.neurons.onnx_attributes import DOMAIN, count
from snnconv.neurons.time import Fold, Repeat, Steps, TimeMean

__all__ = ["TEXTS"]

_FOLD = """
Fold <timesteps> (x) => (folded) {
    shape = Shape <start: int = 2> (x)
    any = Constant <value_ints: ints = [-1]> ()
    flat = Concat <axis: int = 0> (any, shape)
    folded = Reshape (x, flat)
}
"""

_REPEAT = """
Repeat <timesteps> (x) => (repeated) {
    T = Constant <value_int: int = @timesteps> ()
    one = Constant <value_ints: ints = [1]> ()
    window = Reshape (T, one)
    shape = Shape (x)
    rest = Shape <start: int = 1> (x)
    each = Concat <axis: int = 0> (window, shape)
    expanded = Expand (x, each)
    any = Constant <value_ints: ints = [-1]> ()
    folded = Concat <axis: int = 0> (any, rest)
    repeated = Reshape (expanded, folded)
}
"""

_STEPS = """
Steps <timesteps> (x) => (steps) {
    T = Constant <value_int: int = @timesteps> ()
    one = Constant <value_ints: ints = [1]> ()
    window = Reshape (T, one)
    rest = Shape <start: int = 1> (x)
    any = Constant <value_ints: ints = [-1]> ()
    unfolded = Concat <axis: int = 0> (window, any, rest)
    steps = Reshape (x, unfolded)
}
"""

_TIME_MEAN = """
TimeMean <timesteps> (x) => (mean) {
    T = Constant <value_int: int = @timesteps> ()
    one = Constant <value_ints: ints = [1]> ()
    window = Reshape (T, one)
    rest = Shape <start: int = 1> (x)
    any = Constant <value_ints: ints = [-1]> ()
    unfolded = Concat <axis: int = 0> (window, any, rest)
    steps = Reshape (x, unfolded)
    axis = Constant <value_ints: ints = [0]> ()
    mean = ReduceMean <keepdims: int = 0> (steps, axis)
}
"""

TEXTS = (_FOLD, _REPEAT, _STEPS, _TIME_MEAN)
KINDS = {"Fold": Fold, "Repeat": Repeat, "Steps": Steps, "TimeMean": TimeMean}


@HANDLERS.register(*((DOMAIN, name) for name in KINDS))
def _import_time(node: NodeView) -> Call:
    if node.operator == "Fold" and node.activation().node.op != "placeholder":
        raise Refusal("only the network's input, [T, batch, ...], is folded")
    return Call((KINDS[node.operator](count(node, "timesteps")),))


@EMITTERS.register(*KINDS.values())
def _emit_time(module: Fold | Repeat | Steps | TimeMean, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node(type(module).__name__, inputs, name, domain=DOMAIN, timesteps=module.timesteps)
