"""Sigma-delta neurons as an ONNX function.

Everything is in units of the smallest message, so that messages and their sums are integers:

    q = round(power(clip(u, -2^(K-1), 2^(K-1))))          power: the nearest power of two

* The nearest power of two is the number rounded to one bit, by the sum and differences of Veltkamp's splitting: with
  c = 2^p + 1, p one less than the bits of a significand, c·u - (c·u - u) in floating point (Dekker 1971).
* Rounding to an integer, a half to 0, is the dead zone of 3/4, whose numbers have the power 1/2. For another dead zone
  numbers in it become 0, and the power 1/2 a little more than that.
* A message of values without a sign is at most the largest power of two in S where u is at least -3/4·S: that has this
  power of two as its nearest [derived]. Values below 0 need no other bound.

What a layer has no use for stands in branches of `If`, whose condition is known when the file is read: a runtime that
folds constants leaves none of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from snnconv.graph.emission import Emission
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.neurons.onnx_attributes import DOMAIN, count, emit_ceiling, flag, number, read_axis, read_ceiling
from snnconv.neurons.sigma_delta.module import SigmaDelta
from snnconv.neurons.site import along_channels
from snnconv.options import MOST_OCTAVES

__all__ = ["TEXTS", "emit_sigma_delta", "emit_values", "read_sigma_delta"]

NO_CAP = float(np.finfo(np.float32).max)  # stands for infinity, which files hold no constants of

# values so far z [T*B, ...] time-major, ceiling θ, start in units of θ; u and S in units of the smallest message
_SIGMA_DELTA = f"""
SigmaDelta <timesteps, octaves, dead_zone, signed: int = 0> (value, ceiling, cap, initial) => (told) {{
    T = Constant <value_int: int = @timesteps> ()
    one = Constant <value_ints: ints = [1]> ()
    rest = Constant <value_ints: ints = [-1]> ()
    window = Reshape (T, one)
    folded = Shape (value)
    shape = Shape <start: int = 1> (value)
    unfolded = Concat <axis: int = 0> (window, rest, shape)
    unit_single = Constant <value_float: float = 1.0> ()
    unit = CastLike (unit_single, value)
    zero = Sub (unit, unit)
    two = Add (unit, unit)
    three = Add (two, unit)
    four = Add (two, two)
    third = Div (four, three)
    beyond = Sub (third, unit)
    thrice = Mul (beyond, three)
    rounding = Sub (thrice, unit)
    epsilon = Abs (rounding)
    bits = Div (unit, epsilon)
    splitter = Add (bits, unit)
    K = Constant <value_int: int = @octaves> ()
    octaves = CastLike (K, value)
    above = Sub (octaves, unit)
    largest = Pow (two, above)
    lowest = Neg (largest)
    smallest = Div (ceiling, largest)
    zone_single = Constant <value_float: float = @dead_zone> ()
    zone = CastLike (zone_single, value)
    quarters = Div (three, four)
    share = Neg (quarters)
    nearest = Equal (zone, quarters)
    reach = Mul (largest, four)
    excess = Div (unit, reach)
    nudge = Add (unit, excess)
    negative = Constant <value_int: int = @signed> ()
    positive = Constant <value_int: int = 0> ()
    is_signed = Greater (negative, positive)
    unlimited_single = Constant <value_float: float = {NO_CAP}> ()
    unlimited = CastLike (unlimited_single, value)
    least_cap = ReduceMin <keepdims: int = 0> (cap)
    saturates = Less (least_cap, unlimited)
    mirrored = Neg (cap)
    any_start = Or (is_signed, nearest)
    drive = Reshape (value, unfolded)
    first = Gather <axis: int = 0> (drive, positive)
    member = Shape (first)
    counted = Mul (initial, largest)
    start = Expand (counted, member)
    S_T, sums = Scan <num_scan_inputs: int = 1, body: graph = step (float[] S, float[] value_t) => (float[] S_next,
        float[] told_t) {{
        limited = If (saturates) <then_branch: graph = saturating () => (float[] within) {{
            below = Min (value_t, cap)
            within = Max (below, mirrored)
        }}, else_branch: graph = unbounded () => (float[] as_it_is) {{ as_it_is = Identity (value_t) }}>
        target = If (any_start) <then_branch: graph = either () => (float[] free) {{ free = Identity (limited) }},
            else_branch: graph = rectified () => (float[] from_zero) {{ from_zero = Max (limited, zero) }}>
        scaled = Div (target, smallest)
        unknown = Sub (scaled, S)
        loud = If (nearest) <then_branch: graph = whole () => (float[] all) {{ all = Identity (unknown) }},
            else_branch: graph = outside () => (float[] beyond_zone) {{
            size = Abs (unknown)
            fires = GreaterOrEqual (size, zone)
            factor = CastLike (fires, size)
            beyond_zone = Mul (unknown, factor)
        }}>
        possible = If (is_signed) <then_branch: graph = both () => (float[] signed_u) {{ signed_u = Identity (loud) }},
            else_branch: graph = held () => (float[] unsigned_u) {{
            bound = Mul (S, share)
            unsigned_u = Max (loud, bound)
        }}>
        bounded = Clip (possible, lowest, largest)
        product = Mul (bounded, splitter)
        remainder = Sub (product, bounded)
        power = Sub (product, remainder)
        decided = If (nearest) <then_branch: graph = exact () => (float[] same) {{ same = Identity (power) }},
            else_branch: graph = nudged () => (float[] more) {{ more = Mul (power, nudge) }}>
        message = Round (decided)
        S_next = Add (S, message)
        told_t = Mul (S_next, smallest)
    }}> (start, drive)
    told = Reshape (sums, folded)
}}
"""

TEXTS = (_SIGMA_DELTA,)


def read_sigma_delta(node: NodeView) -> Call:
    """Return the layer of sigma-delta neurons that a call of the function stands for."""
    ceiling, axis = read_ceiling(node)
    octaves = count(node, "octaves")
    if octaves > MOST_OCTAVES:
        raise Refusal(f"its octaves are {octaves}: at most {MOST_OCTAVES} are allowed")
    dead_zone = number(node, "dead_zone")
    if not 0.5 <= dead_zone <= 1.5:
        raise Refusal(f"its dead_zone is {dead_zone}: it must be from 0.5 to 1.5")
    cap, cap_axis = _values(node, 2, "cap")
    cap = torch.where(cap >= NO_CAP, torch.inf, cap)
    initial, start_axis = _values(node, 3, "initial")
    axes = {a for a, values in ((axis, ceiling), (cap_axis, cap), (start_axis, initial)) if values.numel() > 1}
    if len(axes) > 1:
        raise Refusal("its thresholds, caps and initial values are of different channels")
    neuron = SigmaDelta(
        ceiling,
        count(node, "timesteps"),
        octaves,
        dead_zone=dead_zone,
        cap=cap,
        initial=initial,
        signed=flag(node, "signed"),
        channel_axis=next(iter(axes), axis),
    )
    return Call((neuron,))


def _values(node: NodeView, position: int, name: str) -> tuple[Tensor, int]:
    """Return a constant as a scalar or `[C]`, and the axis of its channels."""
    axis = read_axis(node, position, name)
    values = node.buffer(position)
    return (values if values.dim() == 0 else values.reshape(-1)), axis


def emit_values(values: Tensor, site: SigmaDelta, emission: Emission, name: str, kind: str) -> str:
    """Write numbers of a layer, a scalar or one a channel, and return their name; layers share scalars."""
    values = values.clamp(max=NO_CAP)
    if values.dim() == 0:
        return emission.once(values.cpu().numpy(), f"{kind}.{float(values):g}")
    shaped = along_channels(values, emission.ranks[name], site.channel_axis)
    return emission.constant(shaped.cpu().numpy(), f"{name}.{kind}")


def emit_sigma_delta(site: SigmaDelta, emission: Emission, inputs: Sequence[str], name: str) -> str:
    """Write a layer of sigma-delta neurons as a call of the function; return the name of its output."""
    parameters = [
        emit_ceiling(site, emission, name),
        emit_values(site.cap, site, emission, name, "cap"),
        emit_values(site.initial, site, emission, name, "start"),
    ]
    return emission.node(
        "SigmaDelta",
        [*inputs, *parameters],
        name,
        domain=DOMAIN,
        timesteps=site.timesteps,
        octaves=site.octaves,
        dead_zone=float(site.dead_zone),
        signed=int(site.signed),
    )
