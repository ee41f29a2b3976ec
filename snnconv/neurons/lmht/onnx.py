"""LM-HT neurons as an ONNX function.

`rectified` tells how the neurons are trained; inference is the same without it. Levels go from -L·signed to L.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import nn

from snnconv.graph.emission import Emission
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.neurons.lmht.module import LearnableMultiThreshold
from snnconv.neurons.onnx_attributes import DOMAIN, count, emit_ceiling, flag, number, read_ceiling

__all__ = ["TEXTS", "emit_learnable", "read_learnable"]

# as MultiThreshold, with omega = 2·sigmoid(mixing)/T, leak = sigmoid(leakage) + 1/2, and v_0 in units of θ
_LEARNABLE = """
LMHT <timesteps, levels, initial, rectified: int = 0, signed: int = 0> (current, ceiling, mixing, leakage) => (spikes) {
    T = Constant <value_int: int = @timesteps> ()
    one = Constant <value_ints: ints = [1]> ()
    rest = Constant <value_ints: ints = [-1]> ()
    window = Reshape (T, one)
    by_step = Concat <axis: int = 0> (window, rest)
    two = Constant <value_float: float = 2.0> ()
    twice_two = CastLike (two, mixing)
    share = Sigmoid (mixing)
    doubled = Mul (share, twice_two)
    steps = CastLike (T, mixing)
    coupling = Div (doubled, steps)
    half = Constant <value_float: float = 0.5> ()
    open = Sigmoid (leakage)
    leak = Add (open, half)
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
    start = Constant <value_float: float = @initial> ()
    v_0 = Expand (start, member)
    zero = Constant <value_float: float = 0.0> ()
    negative = Constant <value_int: int = @signed> ()
    side = CastLike (negative, current)
    below = Mul (side, highest)
    lowest = Sub (zero, below)
    v_T, levels_fired = Scan <num_scan_inputs: int = 1, body: graph = step (float[] v, float[] i) => (float[] v_next,
        float[] s) { kept = Mul (leak, v)
        m = Add (kept, i)
        floored = Floor (m)
        s = Clip (floored, lowest, highest)
        v_next = Sub (m, s)
    }> (v_0, drive)
    currents = Mul (levels_fired, threshold)
    spikes = Reshape (currents, folded)
}
"""

TEXTS = (_LEARNABLE,)


def read_learnable(node: NodeView) -> Call:
    """Return the layer of LM-HT neurons that a call of the function stands for."""
    ceiling, axis = read_ceiling(node)
    timesteps, levels = count(node, "timesteps"), count(node, "levels")
    for position, name, shape in ((2, "coupling", (timesteps, timesteps)), (3, "leak", ())):
        if node.need_constant(position).shape != shape:
            raise Refusal(f"its {name} has shape {node.need_constant(position).shape}, T={timesteps} asks for {shape}")
    neuron = LearnableMultiThreshold(
        ceiling,
        timesteps,
        levels,
        initial=number(node, "initial"),
        rectified=flag(node, "rectified"),
        signed=flag(node, "signed"),
        channel_axis=axis,
    )
    neuron.mixing = _parameter(node, 2, "mixing")
    neuron.leakage = _parameter(node, 3, "leakage")
    return Call((neuron,))


def _parameter(node: NodeView, position: int, name: str) -> nn.Parameter:
    if not np.isfinite(node.need_constant(position)).all():
        raise Refusal(f"its {name} holds NaN or infinite values")
    return node.parameter(position, name)


def emit_learnable(site: LearnableMultiThreshold, emission: Emission, inputs: Sequence[str], name: str) -> str:
    """Write a layer of LM-HT neurons as a call of the function; return the name of its output."""
    parameters = [
        emit_ceiling(site, emission, name),
        emission.parameter(site.mixing, f"{name}.mixing"),
        emission.parameter(site.leakage, f"{name}.leakage"),
    ]
    return emission.node(
        "LMHT",
        [*inputs, *parameters],
        name,
        domain=DOMAIN,
        timesteps=site.timesteps,
        levels=site.levels,
        initial=float(site.initial),
        rectified=int(site.rectified),
        signed=int(site.signed),
    )
