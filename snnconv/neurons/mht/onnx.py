"""M-HT neurons as an ONNX function.

`rectified` tells how the neurons are trained; inference is the same without it. Levels go from -L·signed to L.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from snnconv.graph.emission import Emission
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.neurons.coupling import Coupling
from snnconv.neurons.mht.module import MultiThreshold
from snnconv.neurons.onnx_attributes import DOMAIN, count, emit_ceiling, flag, read_axis, read_ceiling
from snnconv.neurons.site import HALF, along_channels

__all__ = ["TEXTS", "emit_multithreshold", "read_multithreshold"]

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

TEXTS = (_MULTI_THRESHOLD,)


def read_multithreshold(node: NodeView) -> Call:
    """Return the layer of M-HT neurons that a call of the function stands for."""
    ceiling, axis = read_ceiling(node)
    timesteps, levels = count(node, "timesteps"), count(node, "levels")
    omega = node.need_constant(2)
    fixed = (Coupling.MEAN, Coupling.CAUSAL)
    couplings = [
        c for c in fixed if omega.shape == (timesteps,) * 2 and np.allclose(omega, c.matrix(timesteps).numpy())
    ]
    if not couplings:
        raise Refusal("its coupling is neither mean nor causal")
    initial, axis = _read_initial(node, ceiling, axis)
    neuron = MultiThreshold(
        ceiling,
        timesteps,
        levels,
        coupling=couplings[0],
        rectified=flag(node, "rectified"),
        signed=flag(node, "signed"),
        initial=initial,
        channel_axis=axis,
    )
    return Call((neuron,))


def _read_initial(node: NodeView, ceiling: Tensor, axis: int) -> tuple[Tensor | float, int]:
    """Return v_0 as a scalar or `[C]`, and the axis of the channels; files from before it was an input start at 1/2."""
    if node.constant(3) is None:
        return HALF, axis
    start_axis = read_axis(node, 3, "v_0")
    initial = node.buffer(3)
    if initial.dim() == 0:
        return initial, axis
    initial = initial.reshape(-1)
    if ceiling.numel() > 1 and initial.numel() > 1 and (start_axis, len(initial)) != (axis, len(ceiling)):
        raise Refusal("its v_0 and its ceiling are of different channels")
    return initial, start_axis if initial.numel() > 1 else axis


def emit_multithreshold(site: MultiThreshold, emission: Emission, inputs: Sequence[str], name: str) -> str:
    """Write a layer of M-HT neurons as a call of the function; return the name of its output."""
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
