"""Bipolar M-HT neurons as an ONNX function. Sums of levels go from -N·signed to N."""

from __future__ import annotations

from collections.abc import Sequence

from snnconv.graph.emission import Emission
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.neurons.bipolar.module import BipolarMultiThreshold
from snnconv.neurons.onnx_attributes import DOMAIN, count, emit_ceiling, flag, read_ceiling

__all__ = ["TEXTS", "emit_bipolar", "read_bipolar"]

# mean so far x [T*B, ...] time-major, ceiling λ; sums S in units of θ = λ·T/N
_BIPOLAR = """
BipolarMultiThreshold <timesteps, levels, total_levels, signed: int = 0> (mean, ceiling) => (told) {
    T = Constant <value_int: int = @timesteps> ()
    N = Constant <value_int: int = @total_levels> ()
    L = Constant <value_int: int = @levels> ()
    one = Constant <value_ints: ints = [1]> ()
    rest = Constant <value_ints: ints = [-1]> ()
    window = Reshape (T, one)
    folded = Shape (mean)
    shape = Shape <start: int = 1> (mean)
    unfolded = Concat <axis: int = 0> (window, rest, shape)
    steps = CastLike (T, mean)
    highest = CastLike (N, mean)
    most = CastLike (L, mean)
    least = Neg (most)
    negative = Constant <value_int: int = @signed> ()
    side = CastLike (negative, mean)
    below = Mul (side, highest)
    lowest = Neg (below)
    step_of_level = Div (steps, highest)
    threshold = Mul (ceiling, step_of_level)
    half_single = Constant <value_float: float = 0.5> ()
    half = CastLike (half_single, mean)
    first_step = Constant <value_int: int = 1> ()
    end = Add (T, first_step)
    counted = Range (first_step, end, first_step)
    elapsed = CastLike (counted, mean)
    drive = Reshape (mean, unfolded)
    zero_index = Constant <value_int: int = 0> ()
    first = Gather <axis: int = 0> (drive, zero_index)
    member = Shape (first)
    zero = Sub (half, half)
    start = Expand (zero, member)
    S_T, sums = Scan <num_scan_inputs: int = 2, body: graph = step (float[] S, float[] mean_t, float t) =>
        (float[] S_next, float[] told_t) {
        share = Div (threshold, t)
        ratio = Div (mean_t, share)
        risen = Add (ratio, half)
        floored = Floor (risen)
        wanted = Clip (floored, lowest, highest)
        missing = Sub (wanted, S)
        s = Clip (missing, least, most)
        S_next = Add (S, s)
        told_t = Mul (S_next, share)
    }> (start, drive, elapsed)
    told = Reshape (sums, folded)
}
"""

TEXTS = (_BIPOLAR,)


def read_bipolar(node: NodeView) -> Call:
    """Return the layer of bipolar neurons that a call of the function stands for."""
    ceiling, axis = read_ceiling(node)
    timesteps, levels, total = (count(node, name) for name in ("timesteps", "levels", "total_levels"))
    if total > timesteps * levels:
        raise Refusal(f"its total_levels is {total}: T={timesteps} steps of L={levels} levels fire fewer")
    return Call(
        (
            BipolarMultiThreshold(
                ceiling, timesteps, levels, total_levels=total, signed=flag(node, "signed"), channel_axis=axis
            ),
        )
    )


def emit_bipolar(site: BipolarMultiThreshold, emission: Emission, inputs: Sequence[str], name: str) -> str:
    """Write a layer of bipolar neurons as a call of the function; return the name of its output."""
    return emission.node(
        "BipolarMultiThreshold",
        [*inputs, emit_ceiling(site, emission, name)],
        name,
        domain=DOMAIN,
        timesteps=site.timesteps,
        levels=site.levels,
        total_levels=site.total_levels,
        signed=int(site.signed),
    )
