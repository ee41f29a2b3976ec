"""One step of M-HT neurons in standard ONNX operators, operator by operator as in the function.

State v, what the last step left: m = v + x/θ, s = clip(floor(m), 0, L), v' = m - s.
"""

from __future__ import annotations

from snnconv.graph.emission import Emission
from snnconv.neurons.forms import StepForm
from snnconv.neurons.mht.module import MultiThreshold
from snnconv.neurons.shared_forms import emit_number, emit_threshold

__all__ = ["STEP"]


def _initial(site: MultiThreshold) -> float | tuple[float, ...]:
    values = site.initial.detach().cpu().tolist()
    return tuple(values) if isinstance(values, list) else float(values)


def _emit(site: MultiThreshold, emission: Emission, current: str, state: str, name: str) -> tuple[str, str]:
    threshold = emit_threshold(site, emission, name)
    drive = emission.node("Div", [current, threshold], f"{name}:drive")
    m = emission.node("Add", [state, drive], f"{name}:potential")
    floored = emission.node("Floor", [m], f"{name}:floor")
    lowest = emit_number(emission, -site.levels if site.signed else 0)
    fired = emission.node("Clip", [floored, lowest, emit_number(emission, site.levels)], f"{name}:level")
    left = emission.node("Sub", [m, fired], f"{name}:left")
    return emission.node("Mul", [fired, threshold], name), left


STEP = StepForm(_emit, _initial)
