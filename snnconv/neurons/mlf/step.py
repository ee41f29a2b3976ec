"""One step of MLF neurons in standard ONNX operators, operator by operator as in the function.

State r of K membranes, `[B, K, ...]`: u = decay·r + x/θ, o = u > first + k - 1, s = sum o, r' = u·(1 - o).
"""

from __future__ import annotations

from typing import Any

from snnconv.graph.emission import Emission
from snnconv.neurons.forms import Shape, StepForm
from snnconv.neurons.mlf.module import MultiLevel
from snnconv.neurons.shared_forms import emit_number, emit_threshold

__all__ = ["STEP"]


def _shape(site: MultiLevel, shape: Shape) -> Shape:
    return site.levels, *shape


def _emit(site: MultiLevel, emission: Emission, current: str, state: str, name: str) -> tuple[str, str]:
    threshold = emit_threshold(site, emission, name)
    drive = emission.node("Div", [current, threshold], f"{name}:drive")
    membranes = emission.ints([1], f"{name}.membranes")
    drives = emission.node("Unsqueeze", [drive, membranes], f"{name}:each")
    share = emission.node("Mul", [emit_number(emission, site.decay), state], f"{name}:kept")
    u = emission.node("Add", [share, drives], f"{name}:potential")
    rank = emission.ranks[name] - 1
    thresholds = [_nested([site.first + level], rank) for level in range(site.levels)]
    beyond = emission.node("Sub", [u, emission.constant(thresholds, f"{name}.thresholds")], f"{name}:beyond")
    fires = emission.node("Greater", [beyond, emit_number(emission, 0)], f"{name}:fires")
    o = emission.node("Cast", [fires], f"{name}:spikes", to=1)
    fired = emission.node("ReduceSum", [o, membranes], f"{name}:level", keepdims=0)
    silent = emission.node("Sub", [emit_number(emission, 1), o], f"{name}:rest")
    left = emission.node("Mul", [u, silent], f"{name}:left")
    return emission.node("Mul", [fired, threshold], name), left


def _nested(values: list[float], rank: int) -> Any:
    """Return `[1]` as a list of this many axes of size 1."""
    nested: Any = values
    for _ in range(rank - 1):
        nested = [nested]
    return nested


STEP = StepForm(_emit, shape=_shape)
