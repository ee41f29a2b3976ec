"""One step of bipolar M-HT neurons in standard ONNX operators, operator by operator as in the function.

State (S, t - 1), `[B, 2, ...]`: k = clip(floor(1/2 + t·x/θ), 0, N), s = clip(k - S, -L, L), S' = S + s; told θ·S'/t.
"""

from __future__ import annotations

from snnconv.graph.emission import Emission
from snnconv.neurons.bipolar.module import BipolarMultiThreshold
from snnconv.neurons.forms import Shape, StepForm
from snnconv.neurons.onnx_attributes import emit_ceiling
from snnconv.neurons.shared_forms import emit_number

__all__ = ["STEP"]


def _shape(site: BipolarMultiThreshold, shape: Shape) -> Shape:
    return 2, *shape


def _emit(site: BipolarMultiThreshold, emission: Emission, current: str, state: str, name: str) -> tuple[str, str]:
    ceiling = emit_ceiling(site, emission, name)
    share = emit_number(emission, site.timesteps / site.total_levels)
    threshold = emission.node("Mul", [ceiling, share], f"{name}:threshold")
    parts = [emission.ints([value], f"number.{value}.index") for value in (0, 1, 2)]
    zero, one, two = parts
    sums = emission.node("Slice", [state, zero, one, one], f"{name}:sums")
    before = emission.node("Slice", [state, one, two, one], f"{name}:before")
    elapsed = emission.node("Add", [before, emit_number(emission, 1)], f"{name}:elapsed")
    count = emission.node("Squeeze", [elapsed, one], f"{name}:step")
    known = emission.node("Squeeze", [sums, one], f"{name}:told")
    level = emission.node("Div", [threshold, count], f"{name}:share")
    ratio = emission.node("Div", [current, level], f"{name}:ratio")
    risen = emission.node("Add", [ratio, emit_number(emission, 0.5)], f"{name}:risen")
    floored = emission.node("Floor", [risen], f"{name}:floor")
    lowest = emit_number(emission, -site.total_levels if site.signed else 0)
    target = emission.node("Clip", [floored, lowest, emit_number(emission, site.total_levels)], f"{name}:wanted")
    missing = emission.node("Sub", [target, known], f"{name}:missing")
    most = (emit_number(emission, -site.levels), emit_number(emission, site.levels))
    fired = emission.node("Clip", [missing, *most], f"{name}:level")
    now = emission.node("Add", [known, fired], f"{name}:sum")
    after = emission.node(
        "Concat", [emission.node("Unsqueeze", [now, one], f"{name}:next"), elapsed], f"{name}:after", axis=1
    )
    return emission.node("Mul", [now, level], name), after


STEP = StepForm(_emit, shape=_shape)
