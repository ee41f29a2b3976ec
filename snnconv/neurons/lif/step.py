"""One step of IF and LIF neurons in standard ONNX operators, operator by operator as in the function.

State r, what the reset left: u = decay·r + x/θ, s = clip(ceil(u - 1/2), 0, L), r' = u - s (hard reset: 0 where s > 0).
"""

from __future__ import annotations

from snnconv.graph.emission import Emission
from snnconv.neurons.forms import StepForm
from snnconv.neurons.lif.module import LIF
from snnconv.neurons.shared_forms import emit_number, emit_threshold

__all__ = ["STEP"]


def _emit(site: LIF, emission: Emission, current: str, state: str, name: str) -> tuple[str, str]:
    threshold = emit_threshold(site, emission, name)
    drive = emission.node("Div", [current, threshold], f"{name}:drive")
    rest = emission.node("Mul", [emit_number(emission, site.decay), state], f"{name}:kept")
    u = emission.node("Add", [rest, drive], f"{name}:potential")
    above = emission.node("Sub", [u, emit_number(emission, 0.5)], f"{name}:above")
    reached = emission.node("Ceil", [above], f"{name}:reached")
    zero, highest = emit_number(emission, 0), emit_number(emission, site.levels)
    fired = emission.node("Clip", [reached, zero, highest], f"{name}:level")
    left = _emit_reset(site, emission, u, fired, name)
    return emission.node("Mul", [fired, threshold], name), left


def _emit_reset(site: LIF, emission: Emission, u: str, fired: str, name: str) -> str:
    """Write what the reset leaves of a potential; return its name."""
    if site.reset == "soft":
        return emission.node("Sub", [u, fired], f"{name}:left")
    once = emission.node("Clip", [fired, emit_number(emission, 0), emit_number(emission, 1)], f"{name}:once")
    silent = emission.node("Sub", [emit_number(emission, 1), once], f"{name}:rest")
    return emission.node("Mul", [u, silent], f"{name}:left")


STEP = StepForm(_emit)
