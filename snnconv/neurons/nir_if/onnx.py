"""NIR's IF and LIF neurons as ONNX functions, one a reset."""

from __future__ import annotations

from collections.abc import Sequence

from snnconv.errors import InvalidValueError
from snnconv.graph.emission import Emission
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.neurons.nir_if.module import NIRNeuron
from snnconv.neurons.onnx_attributes import DOMAIN, count

__all__ = ["TEXTS", "emit_integrate", "read_integrate"]

# current x [T*B, ...] time-major; threshold, decay, initial and reset_to broadcast over a sample
_NEURON = """
%s <timesteps> (current, threshold, decay, initial, reset_to) => (spikes) {
    T = Constant <value_int: int = @timesteps> ()
    one = Constant <value_ints: ints = [1]> ()
    any = Constant <value_ints: ints = [-1]> ()
    window = Reshape (T, one)
    folded = Shape (current)
    shape = Shape <start: int = 1> (current)
    unfolded = Concat <axis: int = 0> (window, any, shape)
    by_step = Reshape (current, unfolded)
    zero_index = Constant <value_int: int = 0> ()
    first = Gather <axis: int = 0> (by_step, zero_index)
    member = Shape (first)
    v_0 = Expand (initial, member)
    unit = Constant <value_float: float = 1.0> ()
    v_T, fired = Scan <num_scan_inputs: int = 1, body: graph = step (float[] v, float[] i) => (float[] v_next,
        float[] s) { kept = Mul (decay, v)
        m = Add (kept, i)
        above = Greater (m, threshold)
        s = CastLike (above, m)
        %s
    }> (v_0, by_step)
    spikes = Reshape (fired, folded)
}
"""

_RESETS = {
    "soft": "taken = Mul (s, threshold)\n        v_next = Sub (m, taken)",
    "hard": "silent = Sub (unit, s)\n        left = Mul (m, silent)\n        put = Mul (s, reset_to)\n        "
    "v_next = Add (left, put)",
}
_NAMES = {"soft": "IntegrateAndSubtract", "hard": "IntegrateAndReset"}
TEXTS = tuple(_NEURON % (_NAMES[reset], step) for reset, step in _RESETS.items())
PARAMETERS = ("threshold", "decay", "initial", "reset_to")


def read_integrate(node: NodeView) -> Call:
    """Return the layer of NIR's neurons that a call of the function stands for."""
    threshold, decay, initial, reset_to = (node.buffer(position) for position in range(1, 5))
    if any(values.dim() >= node.rank() for values in (threshold, decay, initial, reset_to)):
        raise Refusal("a parameter of its neurons has more axes than a sample")
    reset = "soft" if node.operator == _NAMES["soft"] else "hard"
    try:
        neuron = NIRNeuron(
            count(node, "timesteps"),
            threshold,
            decay=decay,
            initial=initial,
            reset="soft" if reset == "soft" else "hard",
            reset_to=reset_to,
        )
    except InvalidValueError as error:
        raise Refusal(str(error)) from error
    return Call((neuron,))


def emit_integrate(site: NIRNeuron, emission: Emission, inputs: Sequence[str], name: str) -> str:
    """Write a layer of NIR's neurons as a call of the function; return the name of its output."""
    parameters = [emission.constant(getattr(site, key).cpu().numpy(), f"{name}.{key}") for key in PARAMETERS]
    return emission.node(_NAMES[site.reset], [*inputs, *parameters], name, domain=DOMAIN, timesteps=site.timesteps)
