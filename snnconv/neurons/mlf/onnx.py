"""MLF neurons as an ONNX function.

`surrogate` tells how the neurons are trained; inference is the same without it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snnconv.errors import InvalidValueError
from snnconv.graph.emission import Emission
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.neurons.mlf.module import MultiLevel
from snnconv.neurons.onnx_attributes import DOMAIN, count, emit_ceiling, number, read_ceiling, shortest, word

__all__ = ["TEXTS", "emit_multilevel", "read_multilevel"]

# current x [T*B, ...] time-major, ceiling λ, thresholds [K]; u, r [K, M] in units of θ = λ/K
_MULTI_LEVEL = """
MLF <timesteps, levels, decay, surrogate: string = "rectangular:1"> (current, ceiling, thresholds) => (spikes) {
    folded = Shape (current)
    L = Constant <value_int: int = @levels> ()
    highest = CastLike (L, current)
    threshold = Div (ceiling, highest)
    drive = Div (current, threshold)
    T = Constant <value_int: int = @timesteps> ()
    one = Constant <value_ints: ints = [1]> ()
    any = Constant <value_ints: ints = [-1]> ()
    window = Reshape (T, one)
    rows = Concat <axis: int = 0> (window, one, any)
    by_step = Reshape (drive, rows)
    membranes = Reshape (L, one)
    wide = Shape <start: int = 2> (by_step)
    all = Concat <axis: int = 0> (membranes, wide)
    zero = Constant <value_float: float = 0.0> ()
    r_0 = Expand (zero, all)
    share = Constant <value_float: float = @decay> ()
    begins = Unsqueeze (thresholds, one)
    unit = Constant <value_float: float = 1.0> ()
    axis = Constant <value_ints: ints = [0]> ()
    r_T, levels_fired = Scan <num_scan_inputs: int = 1, body: graph = step (float[?,?] r, float[?,?] i) =>
        (float[?,?] r_next, float[?,?] s) { kept = Mul (share, r)
        u = Add (kept, i)
        beyond = Sub (u, begins)
        fires = Greater (beyond, zero)
        o = CastLike (fires, u)
        s = ReduceSum <keepdims: int = 1> (o, axis)
        left = Sub (unit, o)
        r_next = Mul (u, left)
    }> (r_0, by_step)
    flat = Reshape (levels_fired, folded)
    spikes = Mul (flat, threshold)
}
"""

TEXTS = (_MULTI_LEVEL,)


def read_multilevel(node: NodeView) -> Call:
    """Return the layer of MLF neurons that a call of the function stands for."""
    ceiling, axis = read_ceiling(node)
    timesteps, levels = count(node, "timesteps"), count(node, "levels")
    decay, thresholds = number(node, "decay"), node.need_constant(2)
    if not 0 <= decay <= 1:
        raise Refusal(f"its decay is {decay}: it must be from 0 to 1")
    finite = thresholds.shape == (levels,) and np.isfinite(thresholds).all()
    if not finite or not np.allclose(thresholds, thresholds[0] + np.arange(levels)):
        raise Refusal(f"its thresholds are {thresholds.tolist()}: they must be {levels}, each 1 above the one before")
    first = shortest(thresholds[0])
    try:
        surrogate = word(node, "surrogate", "rectangular:1")
        neuron = MultiLevel(
            ceiling, timesteps, levels, decay=decay, first=first, surrogate=surrogate, channel_axis=axis
        )
    except InvalidValueError as error:
        raise Refusal(str(error)) from error
    return Call((neuron,))


def emit_multilevel(site: MultiLevel, emission: Emission, inputs: Sequence[str], name: str) -> str:
    """Write a layer of MLF neurons as a call of the function; return the name of its output."""
    thresholds = [site.first + level for level in range(site.levels)]
    return emission.node(
        "MLF",
        [*inputs, emit_ceiling(site, emission, name), emission.constant(thresholds, f"{name}.thresholds")],
        name,
        domain=DOMAIN,
        timesteps=site.timesteps,
        levels=site.levels,
        decay=float(site.decay),
        surrogate=str(site.surrogate),
    )
