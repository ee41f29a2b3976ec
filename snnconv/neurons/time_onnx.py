"""The modules where time begins, is averaged and ends, as ONNX functions."""

from __future__ import annotations

from collections.abc import Sequence

from snnconv.graph.emission import EMITTERS, Emission
from snnconv.graph.node import HANDLERS, Call, NodeView, Refusal
from snnconv.neurons.onnx_attributes import DOMAIN, count
from snnconv.neurons.time import Fold, Increments, LastStep, Repeat, Steps, TimeMean

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

_LAST_STEP = """
LastStep <timesteps> (x) => (last) {
    T = Constant <value_int: int = @timesteps> ()
    one = Constant <value_ints: ints = [1]> ()
    window = Reshape (T, one)
    rest = Shape <start: int = 1> (x)
    any = Constant <value_ints: ints = [-1]> ()
    unfolded = Concat <axis: int = 0> (window, any, rest)
    steps = Reshape (x, unfolded)
    end = Constant <value_int: int = -1> ()
    last = Gather <axis: int = 0> (steps, end)
}
"""

# t·x_t - (t - 1)·x_{t-1}: the sums t·x_t, less themselves one step later with a 0 before them
_INCREMENTS = """
Increments <timesteps> (x) => (steps) {
    T = Constant <value_int: int = @timesteps> ()
    one = Constant <value_ints: ints = [1]> ()
    window = Reshape (T, one)
    any = Constant <value_ints: ints = [-1]> ()
    by_step = Concat <axis: int = 0> (window, any)
    flat = Reshape (x, by_step)
    begin = Constant <value_int: int = 1> ()
    end = Add (T, begin)
    count = Range (begin, end, begin)
    column = Constant <value_ints: ints = [1]> ()
    elapsed = Unsqueeze (count, column)
    weights = CastLike (elapsed, x)
    sums = Mul (flat, weights)
    zero = Constant <value_ints: ints = [0]> ()
    before_last = Sub (window, one)
    earlier = Slice (sums, zero, before_last, zero)
    first = Slice (sums, zero, one, zero)
    nothing = Sub (first, first)
    delayed = Concat <axis: int = 0> (nothing, earlier)
    increments = Sub (sums, delayed)
    rest = Shape <start: int = 1> (x)
    unfolded = Concat <axis: int = 0> (window, any, rest)
    steps = Reshape (increments, unfolded)
}
"""

TEXTS = (_FOLD, _REPEAT, _STEPS, _TIME_MEAN, _LAST_STEP, _INCREMENTS)
KINDS = {kind.__name__: kind for kind in (Fold, Repeat, Steps, TimeMean, LastStep, Increments)}


@HANDLERS.register(*((DOMAIN, name) for name in KINDS))
def _import_time(node: NodeView) -> Call:
    if node.operator == "Fold" and node.activation().node.op != "placeholder":
        raise Refusal("only the network's input, [T, batch, ...], is folded")
    return Call((KINDS[node.operator](count(node, "timesteps")),))


@EMITTERS.register(*KINDS.values())
def _emit_time(module: Fold | Repeat | Steps | TimeMean, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node(type(module).__name__, inputs, name, domain=DOMAIN, timesteps=module.timesteps)
