r"""One step of each kind of neuron in standard ONNX operators: current and state in, spikes and state out.

The arithmetic of a step is that of the functions in `snnconv.neurons.functions`, operator by operator, so that a step
fires what the function fires. States are in units of θ = λ/L; what a window begins with is `State.initial`.

| neuron | state | at a step |
|---|---|---|
| M-HT | v, left of the last step | m = v + x/θ, s = clip(floor(m), 0, L), v' = m - s |
| IF, LIF | r, what the reset left | u = decay·r + x/θ, s = clip(ceil(u - 1/2), 0, L), r' = u - s (hard: 0 if s > 0) |
| MLF | r of K membranes, `[B, K, ...]` | u = decay·r + x/θ, o = u > first + k - 1, s = sum o, r' = u·(1 - o) |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from snnconv.graph.emission import Emission
from snnconv.neurons import Leaky, MultiLevel, MultiThreshold, SpikingSite
from snnconv.neurons.functions.reading import emit_ceiling
from snnconv.registry import Registry

__all__ = ["STEPS", "State", "state_of"]


@dataclass(frozen=True)
class State:
    """What one layer of neurons holds from step to step, and what it begins with.

    Attributes:
        neurons: name of the layer.
        kind: of neuron.
        input: name of the file's input that takes it.
        output: name of the file's output that gives it back.
        shape: of a sample, without the batch's axis.
        initial: in units of θ, a number or one a channel.
        axis: of the channels in `[B, *shape]`.
    """

    neurons: str
    kind: str
    input: str
    output: str
    shape: tuple[int, ...]
    initial: float | tuple[float, ...]
    axis: int


def state_of(site: SpikingSite, name: str, shape: tuple[int, ...], taken: set[str]) -> State:
    """The state of a layer whose output has this shape, with free names, which become taken."""
    own = f"{name}_v"
    while own in taken or f"{own}_out" in taken:
        own += "_"
    taken.update((own, f"{own}_out"))
    initial: float | tuple[float, ...] = 0.0
    if isinstance(site, MultiThreshold):
        values = site.initial.detach().cpu().tolist()
        initial = tuple(values) if isinstance(values, list) else values
    whole = (site.levels, *shape) if isinstance(site, MultiLevel) else shape
    return State(name, type(site).__name__, own, f"{own}_out", whole, initial, site.channel_axis)


# (site, emission, name of the current, name of the state, name of the layer) -> names of the spikes and the new state
StepEmitter = Callable[[Any, Emission, str, str, str], tuple[str, str]]
STEPS: Registry[type[nn.Module], StepEmitter] = Registry("neuron")


def _number(emission: Emission, value: float) -> str:
    return emission.once(float(value), f"number.{value:g}")


def _threshold(site: SpikingSite, emission: Emission, name: str) -> str:
    ceiling = emit_ceiling(site, emission, name)
    return emission.node("Div", [ceiling, _number(emission, site.levels)], f"{name}:threshold")


@STEPS.register(MultiThreshold)
def _multithreshold(site: MultiThreshold, emission: Emission, current: str, state: str, name: str) -> tuple[str, str]:
    threshold = _threshold(site, emission, name)
    drive = emission.node("Div", [current, threshold], f"{name}:drive")
    m = emission.node("Add", [state, drive], f"{name}:potential")
    floored = emission.node("Floor", [m], f"{name}:floor")
    lowest = _number(emission, -site.levels if site.signed else 0)
    fired = emission.node("Clip", [floored, lowest, _number(emission, site.levels)], f"{name}:level")
    left = emission.node("Sub", [m, fired], f"{name}:left")
    return emission.node("Mul", [fired, threshold], name), left


@STEPS.register(Leaky)
def _leaky(site: Leaky, emission: Emission, current: str, state: str, name: str) -> tuple[str, str]:
    threshold = _threshold(site, emission, name)
    drive = emission.node("Div", [current, threshold], f"{name}:drive")
    kept = emission.node("Mul", [_number(emission, site.decay), state], f"{name}:kept")
    u = emission.node("Add", [kept, drive], f"{name}:potential")
    above = emission.node("Sub", [u, _number(emission, 0.5)], f"{name}:above")
    reached = emission.node("Ceil", [above], f"{name}:reached")
    fired = emission.node("Clip", [reached, _number(emission, 0), _number(emission, site.levels)], f"{name}:level")
    if site.reset == "soft":
        left = emission.node("Sub", [u, fired], f"{name}:left")
    else:
        once = emission.node("Clip", [fired, _number(emission, 0), _number(emission, 1)], f"{name}:once")
        rest = emission.node("Sub", [_number(emission, 1), once], f"{name}:rest")
        left = emission.node("Mul", [u, rest], f"{name}:left")
    return emission.node("Mul", [fired, threshold], name), left


@STEPS.register(MultiLevel)
def _multilevel(site: MultiLevel, emission: Emission, current: str, state: str, name: str) -> tuple[str, str]:
    threshold = _threshold(site, emission, name)
    drive = emission.node("Div", [current, threshold], f"{name}:drive")
    membranes = emission.ints([1], f"{name}.membranes")
    each = emission.node("Unsqueeze", [drive, membranes], f"{name}:each")
    kept = emission.node("Mul", [_number(emission, site.decay), state], f"{name}:kept")
    u = emission.node("Add", [kept, each], f"{name}:potential")
    firsts = [[site.first + level] for level in range(site.levels)]
    rank = emission.ranks[name] - 1
    begins = emission.constant([_nested(first, rank) for first in firsts], f"{name}.thresholds")
    beyond = emission.node("Sub", [u, begins], f"{name}:beyond")
    fires = emission.node("Greater", [beyond, _number(emission, 0)], f"{name}:fires")
    o = emission.node("Cast", [fires], f"{name}:spikes", to=1)
    fired = emission.node("ReduceSum", [o, membranes], f"{name}:level", keepdims=0)
    rest = emission.node("Sub", [_number(emission, 1), o], f"{name}:rest")
    left = emission.node("Mul", [u, rest], f"{name}:left")
    return emission.node("Mul", [fired, threshold], name), left


def _nested(values: list[float], rank: int) -> Any:
    """`[1]` as a list of this many axes of size 1."""
    nested: Any = values
    for _ in range(rank - 1):
        nested = [nested]
    return nested
