"""One step of sigma-delta neurons in standard ONNX operators, operator by operator as in the function.

State S, what the readers know in units of the smallest message, θ·2^-(K-1): u = f(z)/(θ·2^-(K-1)) - S, q the nearest
power of two of u, S' = S + q; told θ·2^-(K-1)·S'.
"""

from __future__ import annotations

from snnconv.graph.emission import Emission
from snnconv.neurons.forms import StepForm
from snnconv.neurons.onnx_attributes import emit_ceiling
from snnconv.neurons.shared_forms import emit_number
from snnconv.neurons.sigma_delta.function import NEAREST
from snnconv.neurons.sigma_delta.module import SigmaDelta
from snnconv.neurons.sigma_delta.onnx import emit_values

__all__ = ["STEP"]

SPLITTER = 2.0**23 + 1  # of single precision, in which files are written


def _initial(site: SigmaDelta) -> float | tuple[float, ...]:
    values = (site.initial / site.smallest).detach().cpu().tolist()
    return tuple(values) if isinstance(values, list) else float(values)


def _emit(site: SigmaDelta, emission: Emission, current: str, state: str, name: str) -> tuple[str, str]:
    ceiling, largest = emit_ceiling(site, emission, name), emit_power(emission, 1 / site.smallest)
    smallest = emission.node("Div", [ceiling, largest], f"{name}:smallest")
    scaled = emission.node("Div", [_emit_target(site, emission, current, name), smallest], f"{name}:scaled")
    unknown = emission.node("Sub", [scaled, state], f"{name}:unknown")
    possible = unknown if site.dead_zone == NEAREST else _emit_loud(site, emission, unknown, name)
    if not site.signed:
        bound = emission.node("Mul", [state, emit_number(emission, -NEAREST)], f"{name}:bound")
        possible = emission.node("Max", [possible, bound], f"{name}:possible")
    message = _emit_message(site, emission, possible, name)
    after = emission.node("Add", [state, message], f"{name}:sum")
    return emission.node("Mul", [after, smallest], name), after


def _emit_target(site: SigmaDelta, emission: Emission, current: str, name: str) -> str:
    """Write f(z), without the bound of values that have no sign where nothing depends on it; return its name."""
    if site.saturates:
        cap = emit_values(site.cap, site, emission, name, "cap")
        limited = emission.node("Min", [current, cap], f"{name}:limited")
        low = emission.node("Neg", [cap], f"{name}:low")
        current = emission.node("Max", [limited, low], f"{name}:within")
    if site.signed or site.dead_zone == NEAREST:
        return current
    return emission.node("Max", [current, emit_number(emission, 0)], f"{name}:target")


def _emit_loud(site: SigmaDelta, emission: Emission, unknown: str, name: str) -> str:
    """Write u, or 0 in the dead zone; return its name."""
    size = emission.node("Abs", [unknown], f"{name}:size")
    fires = emission.node("GreaterOrEqual", [size, emit_power(emission, site.dead_zone)], f"{name}:fires")
    factor = emission.node("CastLike", [fires, size], f"{name}:factor")
    return emission.node("Mul", [unknown, factor], f"{name}:loud")


def _emit_message(site: SigmaDelta, emission: Emission, possible: str, name: str) -> str:
    """Write q of u; return its name."""
    largest = 1 / site.smallest
    ends = [emit_power(emission, -largest), emit_power(emission, largest)]
    bounded = emission.node("Clip", [possible, *ends], f"{name}:bounded")
    product = emission.node("Mul", [bounded, emit_power(emission, SPLITTER)], f"{name}:product")
    remainder = emission.node("Sub", [product, bounded], f"{name}:remainder")
    power = emission.node("Sub", [product, remainder], f"{name}:power")
    if site.dead_zone != NEAREST:
        nudge = emit_power(emission, 1 + site.smallest / 4)
        power = emission.node("Mul", [power, nudge], f"{name}:nudged")
    return emission.node("Round", [power], f"{name}:message")


def emit_power(emission: Emission, value: float) -> str:
    """Write a number of many digits as an initializer that all layers share; return its name."""
    return emission.once(float(value), f"number.{value!r}")


STEP = StepForm(_emit, _initial)
