"""Sigma-delta neurons as an ONNX function.

The nearest power of two is the number rounded to one bit, by the sum and differences of Veltkamp's splitting: with
c = 2^p + 1, p one less than the bits of a significand, c·u - (c·u - u) in floating point (Dekker 1971).
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

# values so far z [T*B, ...] time-major, ceiling θ; S and its start in units of θ
_SIGMA_DELTA = """
SigmaDelta <timesteps, octaves, dead_zone, signed: int = 0> (value, ceiling, cap, initial) => (told) {
    T = Constant <value_int: int = @timesteps> ()
    one = Constant <value_ints: ints = [1]> ()
    rest = Constant <value_ints: ints = [-1]> ()
    window = Reshape (T, one)
    folded = Shape (value)
    shape = Shape <start: int = 1> (value)
    unfolded = Concat <axis: int = 0> (window, rest, shape)
    negative = Constant <value_int: int = @signed> ()
    side = CastLike (negative, value)
    zero_single = Constant <value_float: float = 0.0> ()
    zero = CastLike (zero_single, value)
    limited = Min (value, cap)
    mirrored = Neg (cap)
    is_signed = Greater (side, zero)
    low = Where (is_signed, mirrored, zero)
    target = Max (limited, low)
    ratio = Div (target, ceiling)
    drive = Reshape (ratio, unfolded)
    zero_index = Constant <value_int: int = 0> ()
    first = Gather <axis: int = 0> (drive, zero_index)
    member = Shape (first)
    start = Expand (initial, member)
    unit_single = Constant <value_float: float = 1.0> ()
    unit = CastLike (unit_single, value)
    two = Add (unit, unit)
    half = Div (unit, two)
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
    below = Sub (unit, octaves)
    smallest = Pow (two, below)
    zone_single = Constant <value_float: float = @dead_zone> ()
    zone = CastLike (zone_single, value)
    least = Mul (zone, smallest)
    huge_single = Constant <value_float: float = 1e30> ()
    huge = CastLike (huge_single, value)
    depth = Mul (side, huge)
    floor = Neg (depth)
    S_T, sums = Scan <num_scan_inputs: int = 1, body: graph = step (float[] S, float[] target_t) => (float[] S_next,
        float[] S_out) { unknown = Sub (target_t, S)
        size = Abs (unknown)
        sign = Sign (unknown)
        bounded = Clip (size, smallest, two)
        product = Mul (bounded, splitter)
        remainder = Sub (product, bounded)
        nearest = Sub (product, remainder)
        level = Min (nearest, unit)
        message = Mul (level, sign)
        quiet = Less (size, least)
        told_now = Where (quiet, zero, message)
        sum = Add (S, told_now)
        lacks = Less (sum, floor)
        halved = Mul (told_now, half)
        less = Where (lacks, halved, told_now)
        S_next = Add (S, less)
        S_out = Identity (S_next)
    }> (start, drive)
    whole = Reshape (sums, folded)
    told = Mul (whole, ceiling)
}
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
