"""The operator domain `ai.snnconv`: our modules as ONNX functions whose bodies are standard operators.

A runtime that knows nothing of us inlines the functions; `load` recognises their names. A function's text is the
definition that other people's software runs, so it follows the module's own arithmetic operation by operation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx.parser
from torch import nn

from snnconv.graph.emission import EMITTERS, OPSET, Emission
from snnconv.graph.node import HANDLERS, Call, NodeView, Refusal
from snnconv.neurons import QCFS, Coupling, MultiThreshold, Repeat, Site, Steps, TimeMean
from snnconv.neurons.site import along_channels

__all__ = ["DOMAIN", "VERSION", "functions"]

DOMAIN = "ai.snnconv"
VERSION = 1  # of the functions below; a change of meaning raises it

# current z [B, ...], ceiling λ broadcastable to it; N = total_levels
_QCFS = """
QCFS <total_levels> (current, ceiling) => (activation) {
    total = Constant <value_int: int = @total_levels> ()
    levels = CastLike (total, current)
    step = Div (ceiling, levels)
    position = Div (current, step)
    half = Constant <value_float: float = 0.5> ()
    shifted = Add (position, half)
    floored = Floor (shifted)
    zero = Constant <value_float: float = 0.0> ()
    level = Clip (floored, zero, levels)
    activation = Mul (level, step)
}
"""

# current x [T*B, ...] time-major, ceiling λ, coupling omega [T, T]; m, v in units of θ = λ/L
_MULTI_THRESHOLD = """
MultiThreshold <timesteps, levels> (current, ceiling, coupling) => (spikes) {
    T = Constant <value_int: int = @timesteps> ()
    one = Constant <value_ints: ints = [1]> ()
    rest = Constant <value_ints: ints = [-1]> ()
    window = Reshape (T, one)
    by_step = Concat <axis: int = 0> (window, rest)
    flat = Reshape (current, by_step)
    coupled = MatMul (coupling, flat)
    folded = Shape (current)
    shape = Shape <start: int = 1> (current)
    unfolded = Concat <axis: int = 0> (window, rest, shape)
    received = Reshape (coupled, unfolded)
    L = Constant <value_int: int = @levels> ()
    highest = CastLike (L, current)
    threshold = Div (ceiling, highest)
    drive = Div (received, threshold)
    zero_index = Constant <value_int: int = 0> ()
    first = Gather <axis: int = 0> (drive, zero_index)
    member = Shape (first)
    half = Constant <value_float: float = 0.5> ()
    v_0 = Expand (half, member)
    zero = Constant <value_float: float = 0.0> ()
    v_T, levels_fired = Scan <num_scan_inputs: int = 1, body: graph = step (float[] v, float[] i) => (float[] v_next,
        float[] s) { m = Add (v, i)
        floored = Floor (m)
        s = Clip (floored, zero, highest)
        v_next = Sub (m, s)
    }> (v_0, drive)
    currents = Mul (levels_fired, threshold)
    spikes = Reshape (currents, folded)
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

_TEXTS = (_QCFS, _MULTI_THRESHOLD, _REPEAT, _STEPS, _TIME_MEAN)


def functions() -> dict[str, onnx.FunctionProto]:
    """Every function of the domain, by name."""
    header = f'<domain: "{DOMAIN}", opset_import: ["" : {OPSET}]>'
    parsed = [onnx.parser.parse_function(header + text) for text in _TEXTS]
    return {function.name: function for function in parsed}


def _read_ceiling(node: NodeView) -> tuple[nn.Parameter, int]:
    """λ as a scalar or `[C]`, and the axis of its channels."""
    array = node.need_constant(1)
    if not (array > 0).all() or not np.isfinite(array).all():
        raise Refusal("its ceilings must be finite and above 0")
    wide = [axis for axis, size in enumerate(array.shape) if size != 1]
    if array.ndim >= node.rank() or len(wide) > 1:
        raise Refusal(f"its ceiling of shape {array.shape} is neither a scalar nor one value a channel")
    if array.ndim == 0:
        return node.parameter(1, "ceiling"), 1
    axis = wide[0] if wide else 0
    return node.parameter(1, "ceiling", lambda values: values.reshape(-1)), node.rank() - array.ndim + axis


def _count(node: NodeView, name: str) -> int:
    value = node.attributes.get(name)
    if not isinstance(value, int) or value < 1:
        raise Refusal(f"its {name} is {value}: it must be at least 1")
    return value


@HANDLERS.register((DOMAIN, "QCFS"))
def _import_qcfs(node: NodeView) -> Call:
    ceiling, axis = _read_ceiling(node)
    return Call((QCFS(ceiling, _count(node, "total_levels"), channel_axis=axis),))


@HANDLERS.register((DOMAIN, "MultiThreshold"))
def _import_multithreshold(node: NodeView) -> Call:
    ceiling, axis = _read_ceiling(node)
    timesteps, levels = _count(node, "timesteps"), _count(node, "levels")
    omega = node.need_constant(2)
    found = [c for c in Coupling if omega.shape == (timesteps,) * 2 and np.allclose(omega, c.matrix(timesteps).numpy())]
    if not found:
        raise Refusal("its coupling is neither mean nor causal")
    return Call((MultiThreshold(ceiling, timesteps, levels, coupling=found[0], channel_axis=axis),))


@HANDLERS.register((DOMAIN, "Repeat"), (DOMAIN, "Steps"), (DOMAIN, "TimeMean"))
def _import_time(node: NodeView) -> Call:
    kind = {"Repeat": Repeat, "Steps": Steps, "TimeMean": TimeMean}[node.operator]
    return Call((kind(_count(node, "timesteps")),))


def _emit_ceiling(site: Site, emission: Emission, name: str, rank: int) -> str:
    values = along_channels(site.ceiling.detach(), rank, site.channel_axis)
    return emission.constant(values.cpu().numpy(), f"{name}.ceiling")


@EMITTERS.register(QCFS)
def _emit_qcfs(site: QCFS, emission: Emission, inputs: Sequence[str], name: str) -> str:
    ceiling = _emit_ceiling(site, emission, name, emission.ranks[name])
    return emission.node("QCFS", [*inputs, ceiling], name, domain=DOMAIN, total_levels=site.total_levels)


@EMITTERS.register(MultiThreshold)
def _emit_multithreshold(site: MultiThreshold, emission: Emission, inputs: Sequence[str], name: str) -> str:
    ceiling = _emit_ceiling(site, emission, name, emission.ranks[name])
    coupling = emission.once(site.coupling.matrix(site.timesteps).numpy(), f"coupling.{site.coupling.value}")
    return emission.node(
        "MultiThreshold",
        [*inputs, ceiling, coupling],
        name,
        domain=DOMAIN,
        timesteps=site.timesteps,
        levels=site.levels,
    )


@EMITTERS.register(Repeat, Steps, TimeMean)
def _emit_time(module: Repeat | Steps | TimeMean, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node(type(module).__name__, inputs, name, domain=DOMAIN, timesteps=module.timesteps)
