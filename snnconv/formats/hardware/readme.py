"""The README of a hardware folder: what is in it, and how the layers are run."""

from __future__ import annotations

from typing import Any

from snnconv.model import InputSpec
from snnconv.neurons import Code

__all__ = ["readme"]

_TEXT = """A spiking network in integers, written by {written_by}.

graph.json lists the layers in the order of execution: what each reads ("inputs", positions in the list), its shape
without the batch, its settings, its arrays, and the width that its sums need ("bits", "state_bits").
Files NNN_name_what.npy hold integers; NNN_name_what_float.npy what they were rounded from.

Input: {integers}, {shape}{layout}.
Coupling: {coupling}. T = {timesteps} time steps. {how}

convolution, linear   y = (sum of weights * x) << shift, + biases
{neurons}
add                   y = x0 * multipliers0 + x1 * multipliers1
affine                y = x * multipliers + constants
sum, sum_pool         sums over axes, over windows; max_pool maxima
input                 y = x - zero
An array with an "axis" has one value for each channel of that axis; >> rounds down, also below 0.
{chip}
An output times its "scale" is the network's answer; the largest class needs no scale.
Weights have {weight_bits} bits. The widest sum or potential has {widest_bits} bits.
{measured}
snnconv.formats.hardware.run is a reference in numpy that reads this folder alone and computes the same everywhere.
"""

_FIRE = """\
neurons               u = v + (x << shift), with a decay u = ((v * decay) >> 12) + (x << shift)
                      s = floor((u + offsets) / thresholds), at least lowest and at most highest
                      v = u - s * thresholds; reset "hard": v = 0 where s > 0, else u
                      v begins at "initial"; without "offsets" these are 0"""

_TELL = """\
sigma_delta           z = x << shift, within -caps..caps where there are caps, at least 0 without "signed"
                      u = z - y * thresholds
                      e = how many j of 1..octaves-1 have |u| >= (thresholds * 3/4) << j
                      m = 2^e with the sign of u where |u| >= least, else 0
                      without "signed", where y + m < 0: half of m, 0 of -1
                      y = y + m; "initial" is where y begins"""

_TAKE_BACK = """\
bipolar               k = floor(((x << shift) + thresholds / 2) / thresholds), at least lowest, at most highest
                      m = k - y, at least -levels and at most levels
                      y = y + m; y begins at 0"""

_MESSAGES = """
A chip moves messages, and nothing else. A unit of a sigma_delta layer sends m in a pass: a sign and e, or nothing.
Every unit behind weights keeps an accumulator, which begins at its bias, and at weights times "initial" where that is
not 0. A message that comes through a weight adds weight << (e + shift), or takes it away; through a multiplier,
multiplier << e. Sums of integers do not depend on the order: y above is what the accumulator holds at the end of a
pass. y * thresholds is held in the same way: it changes by thresholds << e. A maximum is taken of what was told so far.
The input and all constants arrive once, in the first pass.
"""

_LEVELS = """
A chip moves messages, and nothing else. A unit of a bipolar layer sends m in a pass, -levels..levels. Every unit behind
weights keeps an accumulator, to which a message adds m * weight << shift. Sums of integers do not depend on the order:
y above is what the accumulator holds at the end of a pass. A maximum is taken of what was told so far. The input,
biases and constants arrive anew in every pass: after pass t of 1..T they are in y t times.
"""

_NEURONS = {None: _FIRE, Code.POWER_OF_TWO: _TELL, Code.UNIFORM: _TAKE_BACK}
_CHIP = {None: "", Code.POWER_OF_TWO: _MESSAGES, Code.UNIFORM: _LEVELS}
_LAST = "\nThe layers run T times. y is what a layer told so far: the outputs of the last pass are the answer"
_HOW = {
    "mean": "The layers run once: a layer adds up all that the layer before fires in its window of T steps, then "
    "decides\nhow many levels of 0..N it fires in its own window, and biases count once a window.",
    "causal": "The layers run T times, potentials are kept from step to step, and the outputs of all steps are added.",
    Code.POWER_OF_TWO: f"{_LAST}; those of an earlier pass are the answer so far.",
    Code.UNIFORM: f"{_LAST}; those of pass t times T/t are the answer so far.",
}


def _same(comparison: dict[str, Any]) -> str:
    """Return how the integers compare with the float network, in words."""
    parts = (
        []
        if comparison["agreement"] is None
        else [f"the same class as the float network on {comparison['agreement']:.2f} %"]
    )
    errors = comparison.get("output_errors", ())
    for error in () if comparison["agreement"] is not None and len(errors) == 1 else errors:
        share = error["relative_error"]
        relative = "" if share is None else f"relative L2 error {100 * share:.3g} %, "
        parts.append(f"output {error['name']}: {relative}largest difference {error['largest_difference']:.3g}")
    return "; ".join(parts)


def readme(graph: dict[str, Any]) -> str:
    """Return the text, from the content of graph.json."""
    spec, comparison = graph["input"], graph["measured"]
    measured = ""
    if comparison is not None:
        noun = InputSpec.from_dict({name: spec[name] for name in InputSpec.__dataclass_fields__ if name in spec}).noun
        measured = f"On {comparison['images']} {noun}s: {_same(comparison)}"
        if comparison["accuracy"] is not None:
            measured += (
                f"; accuracy {comparison['accuracy']:.2f} %, of the float network {comparison['model_accuracy']:.2f} %"
            )
        measured += ".\n"
    code = None if graph["code"] is None else Code(graph["code"])
    frames = "" if spec["timesteps"] is None else f", a frame a step, {spec['timesteps']} frames"
    return _TEXT.format(
        written_by=graph["written_by"],
        integers=spec["integers"],
        shape=" x ".join(map(str, spec["shape"])),
        layout=f" ({spec['layout']}){frames}",
        coupling=graph["coupling"] if code is None else f"{graph['coupling']}, code {code}",
        timesteps=graph["timesteps"],
        how=_HOW[graph["coupling"] if code is None else code],
        neurons=_NEURONS[code],
        chip=_CHIP[code],
        weight_bits=graph["weight_bits"],
        widest_bits=graph["widest_bits"],
        measured=measured,
    )
