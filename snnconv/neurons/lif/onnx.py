"""IF and LIF neurons as ONNX functions, one a reset.

`rectified` and `surrogate` tell how the neurons are trained; inference is the same without them.
"""

from __future__ import annotations

from collections.abc import Sequence

from snnconv.errors import InvalidValueError
from snnconv.graph.emission import Emission
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.neurons.lif.module import LIF
from snnconv.neurons.onnx_attributes import DOMAIN, count, emit_ceiling, number, read_ceiling, word

__all__ = ["TEXTS", "emit_lif", "read_lif"]

# current x [T*B, ...] time-major, ceiling λ; u, r in units of θ = λ/L; a level fires strictly above k - 1/2
_NEURON = """
%s <timesteps, levels, decay, rectified: int = 0, surrogate: string = "rectangular:1"> (current, ceiling) => (spikes) {
    T = Constant <value_int: int = @timesteps> ()
    one = Constant <value_ints: ints = [1]> ()
    any = Constant <value_ints: ints = [-1]> ()
    window = Reshape (T, one)
    folded = Shape (current)
    shape = Shape <start: int = 1> (current)
    unfolded = Concat <axis: int = 0> (window, any, shape)
    by_step = Reshape (current, unfolded)
    L = Constant <value_int: int = @levels> ()
    highest = CastLike (L, current)
    threshold = Div (ceiling, highest)
    drive = Div (by_step, threshold)
    zero = Constant <value_float: float = 0.0> ()
    zero_index = Constant <value_int: int = 0> ()
    first = Gather <axis: int = 0> (drive, zero_index)
    member = Shape (first)
    r_0 = Expand (zero, member)
    share = Constant <value_float: float = @decay> ()
    half = Constant <value_float: float = 0.5> ()
    unit = Constant <value_float: float = 1.0> ()
    r_T, levels_fired = Scan <num_scan_inputs: int = 1, body: graph = step (float[] r, float[] i) => (float[] r_next,
        float[] s) { kept = Mul (share, r)
        u = Add (kept, i)
        above = Sub (u, half)
        reached = Ceil (above)
        s = Clip (reached, zero, highest)
        %s
    }> (r_0, drive)
    currents = Mul (levels_fired, threshold)
    spikes = Reshape (currents, folded)
}
"""

_RESETS = {
    "soft": "r_next = Sub (u, s)",
    "hard": "once = Clip (s, zero, unit)\n        left = Sub (unit, once)\n        r_next = Mul (u, left)",
}
_NAMES = {"soft": "SoftResetNeuron", "hard": "HardResetNeuron"}
TEXTS = tuple(_NEURON % (_NAMES[reset], step) for reset, step in _RESETS.items())


def read_lif(node: NodeView) -> Call:
    """Return the layer of IF or LIF neurons that a call of the function stands for."""
    ceiling, axis = read_ceiling(node)
    timesteps, levels, decay = count(node, "timesteps"), count(node, "levels"), number(node, "decay")
    if not 0 <= decay <= 1:
        raise Refusal(f"its decay is {decay}: it must be from 0 to 1")
    try:
        neuron = LIF(
            ceiling,
            timesteps,
            levels,
            decay=decay,
            reset="soft" if node.operator == _NAMES["soft"] else "hard",
            rectified=bool(node.attributes.get("rectified", 0)),
            surrogate=word(node, "surrogate", "rectangular:1"),
            channel_axis=axis,
        )
    except InvalidValueError as error:
        raise Refusal(str(error)) from error
    return Call((neuron,))


def emit_lif(site: LIF, emission: Emission, inputs: Sequence[str], name: str) -> str:
    """Write a layer of IF or LIF neurons as a call of the function; return the name of its output."""
    return emission.node(
        _NAMES[site.reset],
        [*inputs, emit_ceiling(site, emission, name)],
        name,
        domain=DOMAIN,
        timesteps=site.timesteps,
        levels=site.levels,
        decay=float(site.decay),
        rectified=int(site.rectified),
        surrogate=str(site.surrogate),
    )
