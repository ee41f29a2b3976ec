"""M-HT and LM-HT neurons as ONNX functions.

`rectified` tells how the neurons are trained; inference is the same without it. Levels go from -L·signed to L.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from snnconv.graph.emission import EMITTERS, Emission
from snnconv.graph.node import HANDLERS, Call, NodeView, Refusal
from snnconv.neurons import Coupling, LearnableMultiThreshold, MultiThreshold
from snnconv.neurons.functions.reading import DOMAIN, count, emit_ceiling, flag, number, read_axis, read_ceiling
from snnconv.neurons.multithreshold import HALF
from snnconv.neurons.site import along_channels

__all__ = ["TEXTS"]

# current x [T*B, ...] time-major, ceiling λ, coupling omega [T, T]; m, v and initial v_0 in units of θ = λ/L
_MULTI_THRESHOLD = """
MultiThreshold <timesteps, levels, rectified: int = 0, signed: int = 0> (current, ceiling, coupling, initial) =>
    (spikes) {
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
    v_0 = Expand (initial, member)
    zero = Constant <value_float: float = 0.0> ()
    negative = Constant <value_int: int = @signed> ()
    side = CastLike (negative, current)
    below = Mul (side, highest)
    lowest = Sub (zero, below)
    v_T, levels_fired = Scan <num_scan_inputs: int = 1, body: graph = step (float[] v, float[] i) => (float[] v_next,
        float[] s) { m = Add (v, i)
        floored = Floor (m)
        s = Clip (floored, lowest, highest)
        v_next = Sub (m, s)
    }> (v_0, drive)
    currents = Mul (levels_fired, threshold)
    spikes = Reshape (currents, folded)
}
"""

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

TEXTS = (_MULTI_THRESHOLD, _LEARNABLE)


@HANDLERS.register((DOMAIN, "MultiThreshold"))
def _import_multithreshold(node: NodeView) -> Call:
    ceiling, axis = read_ceiling(node)
    timesteps, levels = count(node, "timesteps"), count(node, "levels")
    omega = node.need_constant(2)
    fixed = (Coupling.MEAN, Coupling.CAUSAL)
    found = [c for c in fixed if omega.shape == (timesteps,) * 2 and np.allclose(omega, c.matrix(timesteps).numpy())]
    if not found:
        raise Refusal("its coupling is neither mean nor causal")
    initial, axis = _read_initial(node, ceiling, axis)
    neuron = MultiThreshold(
        ceiling,
        timesteps,
        levels,
        coupling=found[0],
        rectified=flag(node, "rectified"),
        signed=flag(node, "signed"),
        initial=initial,
        channel_axis=axis,
    )
    return Call((neuron,))


def _read_initial(node: NodeView, ceiling: Tensor, axis: int) -> tuple[Tensor | float, int]:
    """v_0 as a scalar or `[C]`, and the axis of the channels; files from before it was an input start at 1/2."""
    if node.constant(3) is None:
        return HALF, axis
    own = read_axis(node, 3, "v_0")
    initial = node.buffer(3)
    if initial.dim() == 0:
        return initial, axis
    initial = initial.reshape(-1)
    if ceiling.numel() > 1 and initial.numel() > 1 and (own, len(initial)) != (axis, len(ceiling)):
        raise Refusal("its v_0 and its ceiling are of different channels")
    return initial, own if initial.numel() > 1 else axis


@EMITTERS.register(MultiThreshold)
def _emit_multithreshold(site: MultiThreshold, emission: Emission, inputs: Sequence[str], name: str) -> str:
    ceiling = emit_ceiling(site, emission, name)
    coupling = emission.once(site.coupling.matrix(site.timesteps).numpy(), f"coupling.{site.coupling.value}")
    if site.initial.dim():
        values = along_channels(site.initial, emission.ranks[name], site.channel_axis)
        initial = emission.constant(values.cpu().numpy(), f"{name}.initial")
    else:
        initial = emission.once(site.initial.cpu().numpy(), f"initial.{float(site.initial):g}")
    return emission.node(
        "MultiThreshold",
        [*inputs, ceiling, coupling, initial],
        name,
        domain=DOMAIN,
        timesteps=site.timesteps,
        levels=site.levels,
        rectified=int(site.rectified),
        signed=int(site.signed),
    )


@HANDLERS.register((DOMAIN, "LMHT"))
def _import_learnable(node: NodeView) -> Call:
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


@EMITTERS.register(LearnableMultiThreshold)
def _emit_learnable(site: LearnableMultiThreshold, emission: Emission, inputs: Sequence[str], name: str) -> str:
    own = [
        emit_ceiling(site, emission, name),
        emission.parameter(site.mixing, f"{name}.mixing"),
        emission.parameter(site.leakage, f"{name}.leakage"),
    ]
    return emission.node(
        "LMHT",
        [*inputs, *own],
        name,
        domain=DOMAIN,
        timesteps=site.timesteps,
        levels=site.levels,
        initial=float(site.initial),
        rectified=int(site.rectified),
        signed=int(site.signed),
    )
