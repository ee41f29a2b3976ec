"""One step of sigma-delta neurons in standard ONNX operators, operator by operator as in the function.

State S, what the readers know in units of θ: u = f(z)/θ - S, q the nearest power of two of u, S' = S + q; told θ·S'.
"""

from __future__ import annotations

from snnconv.graph.emission import Emission
from snnconv.neurons.forms import StepForm
from snnconv.neurons.onnx_attributes import emit_ceiling
from snnconv.neurons.shared_forms import emit_number
from snnconv.neurons.sigma_delta.module import SigmaDelta
from snnconv.neurons.sigma_delta.onnx import emit_values

__all__ = ["STEP"]

SPLITTER = 2.0**23 + 1  # of single precision, in which files are written


def _initial(site: SigmaDelta) -> float | tuple[float, ...]:
    values = site.initial.detach().cpu().tolist()
    return tuple(values) if isinstance(values, list) else float(values)


def _emit(site: SigmaDelta, emission: Emission, current: str, state: str, name: str) -> tuple[str, str]:
    threshold = emit_ceiling(site, emission, name)
    drive = emission.node("Div", [_emit_target(site, emission, current, name), threshold], f"{name}:drive")
    u = emission.node("Sub", [drive, state], f"{name}:unknown")
    message = _emit_message(site, emission, u, name)
    if not site.signed:
        total = emission.node("Add", [state, message], f"{name}:trial")
        lacks = emission.node("Less", [total, emit_number(emission, 0)], f"{name}:lacks")
        half = emission.node("Mul", [message, emit_number(emission, 0.5)], f"{name}:half")
        message = emission.node("Where", [lacks, half, message], f"{name}:message")
    after = emission.node("Add", [state, message], f"{name}:sum")
    return emission.node("Mul", [after, threshold], name), after


def _emit_target(site: SigmaDelta, emission: Emission, current: str, name: str) -> str:
    """Write f(z); return its name."""
    cap = emit_values(site.cap, site, emission, name, "cap")
    limited = emission.node("Min", [current, cap], f"{name}:limited")
    low = emission.node("Neg", [cap], f"{name}:low") if site.signed else emit_number(emission, 0)
    return emission.node("Max", [limited, low], f"{name}:target")


def _emit_message(site: SigmaDelta, emission: Emission, unknown: str, name: str) -> str:
    """Write q of u; return its name."""
    size = emission.node("Abs", [unknown], f"{name}:size")
    sign = emission.node("Sign", [unknown], f"{name}:sign")
    smallest, one = emit_power(emission, site.smallest), emit_number(emission, 1)
    bounded = emission.node("Clip", [size, smallest, emit_number(emission, 2)], f"{name}:bounded")
    product = emission.node("Mul", [bounded, emit_power(emission, SPLITTER)], f"{name}:product")
    remainder = emission.node("Sub", [product, bounded], f"{name}:remainder")
    nearest = emission.node("Sub", [product, remainder], f"{name}:nearest")
    level = emission.node("Min", [nearest, one], f"{name}:level")
    message = emission.node("Mul", [level, sign], f"{name}:signed")
    quiet = emission.node("Less", [size, emit_power(emission, site.dead_zone * site.smallest)], f"{name}:quiet")
    return emission.node("Where", [quiet, emit_number(emission, 0), message], f"{name}:nearby")


def emit_power(emission: Emission, value: float) -> str:
    """Write a number of many digits as an initializer that all layers share; return its name."""
    return emission.once(float(value), f"number.{value!r}")


STEP = StepForm(_emit, _initial)
