r"""A spiking network in 8-bit integers, T steps, time folded into the batch `[T*B, ...]`, time-major.

The level s_t in 0..L that a neuron fires at step t *is* an unsigned 8-bit integer with zero point 0 and scale θ = λ/L
(signed: 8 bits with a sign). A convolution of levels, in units of the θ of the neurons that it feeds, leaves its
currents in 8 bits over a window of what can matter to them (derived):

    -m..L + m      m = MARGIN·σ,  σ² = 1/4·sum_i (w_oi·θ_i/θ_o)²

since only mean currents within 0..L make a difference, and a current differs from its mean as far as the spikes do,
each of which is one of two neighbouring levels, of variance 1/4 at most. With another site's spikes added, 0..R of
them, the window begins at -R - m. One step of it is at most 1/(FINE·sqrt(T)) of θ, so that the mean of T steps is as
exact as a window of the collapsed form; potentials are floats:

    d = mean over t of I_t/θ,  c_t = clip(round(t·d), 0, t·L),  s_t = c_t - c_{t-1}      mean coupling, T·L <= 255
    m_t = v_{t-1} + I_t/θ,  s_t = clip(round(m_t - 1/2), 0, L),  v_t = m_t - s_t         causal coupling, or beyond 255

T steps of one current are c_t of it (neurons/mht/function.py). Rounding is to the nearest even level where neurons
fire at the threshold. What does not change from step to step runs once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import fx

from snnconv.formats.onnx.integers import (
    MOST,
    MOST_WINDOWS,
    Array,
    IntegerLowering,
    LevelForm,
    LevelTensor,
    in_units,
    level_form,
)
from snnconv.graph.access import calls, module_of, operands
from snnconv.graph.emission import EMITTERS
from snnconv.neurons import Coupling, Fold, NoForm, Repeat, Site, SpikingSite, TimeMean, capabilities_of

__all__ = ["SteppedLowering"]

FINE = 3  # steps of a window to a level of the whole window of time, at least, if MOST_WINDOWS are enough
MARGIN = 4.0  # deviations of a current from its mean that a window has room for


@dataclass(frozen=True)
class _Currents:
    """Currents in units of θ: `[T*B, ...]`, or where they are the same at each step `[B, ...]`."""

    name: str
    steps: bool


class SteppedLowering(IntegerLowering):
    """Writes a spiking network."""

    def __init__(self, graph: fx.GraphModule, outputs: Sequence[str]) -> None:
        super().__init__(graph, outputs)
        self._of_time = _of_time(graph)

    def takes(self, site: Site) -> bool:
        form = capabilities_of(site).int8
        if not isinstance(site, SpikingSite) or isinstance(form, NoForm) or site.levels > MOST[site.signed]:
            return False
        by_channel = site.ceiling.dim() or form(site).dim()
        return not by_channel or site.channel_axis == 1

    def write_site(self, node: fx.Node, site: SpikingSite) -> None:
        """Write the levels that a site fires."""
        name = self.fresh_name(node)
        step = (site.ceiling.detach().double() / site.levels).cpu().numpy()
        currents = self._currents(operands(node)[0], step, site, name)
        if site.coupling is Coupling.MEAN:
            currents = self._mean(currents, node, site.timesteps, name)
        one_current = site.coupling is Coupling.MEAN and site.timesteps * site.levels <= MOST[site.signed]
        fired = (self._of_one_current if one_current else self._step_by_step)(currents, site, node, name)
        levels = fired[0]
        if len(fired) > 1:
            levels = self.emission.node("Concat", fired, f"{name}:spikes", axis=0)
        self.levels[node] = LevelTensor(levels, step, -site.levels if site.signed else 0, site.levels)

    def _of_one_current(self, currents: _Currents, site: SpikingSite, node: fx.Node, name: str) -> list[str]:
        """Write s_t = c_t - c_{t-1}, in integers: -c is the complement of c, less that of 0."""
        kind = np.dtype(np.int8 if site.signed else np.uint8)
        zero = self.constant(np.zeros((), kind), "zero", 0)
        none = self.constant(np.array(-1 if site.signed else MOST[False], kind), "none", 0)
        one, fired, before = self.unit_scale(), [], ""
        for t in range(1, site.timesteps + 1):
            scale = self.constant(np.array(1 / t, np.float32), "share", t)
            count = self.emission.node("QuantizeLinear", [currents.name, scale, zero], f"{name}:count{t}")
            count = self.clipped(count, site, t * site.levels, f"{name}:count{t}")
            spikes = count
            if before:
                left = self.emission.node("BitwiseNot", [before], f"{name}:left{t}")
                pair = [
                    self.emission.node("DequantizeLinear", [tensor, one, at], f"{name}:{word}{t}")
                    for tensor, at, word in ((count, zero, "all"), (left, none, "less"))
                ]
                both = self.emission.node("Add", pair, f"{name}:more{t}")
                spikes = self.emission.node("QuantizeLinear", [both, one, zero], f"{name}:spikes{t}")
            fired.append(spikes)
            before = count
        return fired

    def _step_by_step(self, currents: _Currents, site: SpikingSite, node: fx.Node, name: str) -> list[str]:
        """Write potentials m_t - 1/2, one step after the other."""
        zero = self.constant(np.zeros((), np.int8 if site.signed else np.uint8), "zero", 0)
        form = capabilities_of(site).int8
        assert not isinstance(form, NoForm)
        start = form(site).detach().double().cpu().numpy() - 0.5
        left = ""
        if np.any(start):
            axes = len(node.meta["shape"]) - 1 if start.ndim else 0
            left = self.emission.constant(start.reshape(-1, *(1,) * axes) if start.ndim else start, f"{name}.initial")
        fired = []
        parts = self._split(currents, site.timesteps, name)
        for t, current in enumerate(parts, 1):
            m = self.emission.node("Add", [current, left], f"{name}:potential{t}") if left else current
            spikes = self.emission.node("QuantizeLinear", [m, self.unit_scale(), zero], f"{name}:level{t}")
            spikes = self.clipped(spikes, site, site.levels, f"{name}:level{t}")
            if t < site.timesteps:
                taken = self.emission.node("DequantizeLinear", [spikes, self.unit_scale()], f"{name}:reset{t}")
                left = self.emission.node("Sub", [m, taken], f"{name}:left{t}")
            fired.append(spikes)
        return fired

    def _split(self, currents: _Currents, timesteps: int, name: str) -> list[str]:
        """Return the currents of each step."""
        if not currents.steps or timesteps == 1:
            return [currents.name] * timesteps
        return self.emission.split(currents.name, timesteps, f"{name}:steps")

    def _mean(self, currents: _Currents, node: fx.Node, timesteps: int, name: str) -> _Currents:
        """Return the time mean."""
        if not currents.steps:
            return currents
        shape = self.emission.ints([timesteps, -1, *node.meta["shape"]], f"{name}.steps")
        steps = self.emission.node("Reshape", [currents.name, shape], f"{name}:steps")
        axis = self.constant(np.zeros(1, np.int64), "axis", 0)
        return _Currents(self.emission.node("ReduceMean", [steps, axis], f"{name}:mean", keepdims=0), False)

    def _currents(self, node: fx.Node, step: Array, site: SpikingSite, name: str) -> _Currents:
        """Write a site's input, in units of its θ."""
        if node in self.levels:
            return _Currents(self._in_thresholds(node, step, f"{name}:received"), True)
        module = module_of(self.graph, node) if node.op == "call_module" and self.private(node) else None
        if isinstance(module, Repeat):
            return self._currents(operands(node)[0], step, site, f"{name}:once")
        if isinstance(module, TimeMean):
            within = self._currents(operands(node)[0], step, site, f"{name}:within")
            return self._mean(within, node, site.timesteps, name)
        if module is not None and level_form(module) is LevelForm.PASSED_ON:
            before = self._currents(operands(node)[0], step, site, f"{name}:before")
            pooled = EMITTERS[type(module)](module, self.emission, [before.name], self.fresh_name(node))
            return replace(before, name=pooled)
        of_integers = self._of_integers(node, step, site, name)
        if of_integers is not None:
            return _Currents(of_integers, True)
        repeated = node.op == "call_module" and isinstance(module_of(self.graph, node), Repeat)
        source = operands(node)[0] if repeated else node
        threshold = step.reshape(-1, *(1,) * (len(node.meta["shape"]) - 1)) if step.shape else step
        scale = self.emission.constant(threshold, f"{name}.threshold")
        drive = self.emission.node("Div", [self.value(source), scale], f"{name}:drive")
        return _Currents(drive, source in self._of_time)

    def _of_integers(self, node: fx.Node, step: Array, site: SpikingSite, name: str) -> str | None:
        """Write the output of a convolution of levels, by itself or with another site's levels added."""
        behind = self.convolution_behind(node)
        if behind is not None:
            return self._windows(*behind, step, site, None, name)
        pair = self.added(node)
        for convolution, residual in () if pair is None else (pair, pair[::-1]):
            if self.of_levels(convolution) and residual in self.levels:
                module, source = module_of(self.graph, convolution), self.levels[operands(convolution)[0]]
                relative = replace(self.levels[residual], step=self.levels[residual].step / step)
                windows = self._windows(convolution, module, source, step, site, relative, name)
                added = self._in_thresholds(residual, step, f"{name}:residual")
                return self.emission.node("Add", [windows, added], f"{name}:sum")
        return None

    def _windows(
        self,
        node: fx.Node,
        module: Any,
        source: LevelTensor,
        step: Array,
        site: SpikingSite,
        added: LevelTensor | None,
        name: str,
    ) -> str:
        """Write a convolution of levels in units of θ `step`, as far as it matters to a site with `added` levels."""
        weights = in_units(module, source.step, step).reshape(module.out_channels, -1)
        bias = 0.0 if module.bias is None else module.bias.detach().double().cpu().numpy() / step
        margin = MARGIN / 2 * np.sqrt((weights**2).sum(1))
        least, most = (0.0, 0.0) if added is None else (added.step * added.least, added.step * added.most)
        lowest = source.most * np.minimum(weights, 0).sum(1) + source.least * np.maximum(weights, 0).sum(1) + bias
        highest = source.most * np.maximum(weights, 0).sum(1) + source.least * np.minimum(weights, 0).sum(1) + bias
        begin = np.minimum(np.maximum(lowest, (-site.levels if site.signed else 0) - most - margin), 0)
        end = np.maximum(np.minimum(highest, site.levels - least + margin), 0)
        finest = FINE * math.sqrt(site.timesteps)
        count = _count(np.median(end - begin), finest)
        if _count(end.max() - begin.min(), finest) == count:
            begin, end = begin.min(), end.max()  # one window for all channels, which runs faster
        unit = np.asarray(np.maximum(end - begin, 1) / (MOST[False] * count))
        zero = np.rint(-begin / unit)
        parts = []
        for number in range(count):
            shift = zero - MOST[False] * number
            window = self.window(node, module, source, unit * step, shift, f"{name}:window{number}")
            levels = LevelTensor(window, unit, 0, MOST[False])
            parts.append(self.dequantized(levels, f"{name}:part{number}", np.clip(shift, 0, MOST[False])))
        return parts[0] if count == 1 else self.emission.node("Sum", parts, f"{name}:windows")

    def _in_thresholds(self, node: fx.Node, step: Array, name: str) -> str:
        """Return levels as floats in units of θ `step`; by channel in an operator of its own, which runs faster."""
        levels = self.levels[node]
        relative = np.asarray(levels.step / step)
        if not relative.shape:
            return self.dequantized(replace(levels, step=relative), name)
        whole = self.dequantized(replace(levels, step=np.ones(())), name)
        scale = self.emission.constant(relative.reshape(-1, *(1,) * (len(node.meta["shape"]) - 1)), f"{name}.scale")
        return self.emission.node("Mul", [whole, scale], f"{name}:scaled")


def _count(width: float, finest: float) -> int:
    """Return how many windows of 8 bits of so many steps to one are as wide."""
    return max(1, min(MOST_WINDOWS, math.ceil(width * finest / MOST[False])))


def _of_time(graph: fx.GraphModule) -> set[fx.Node]:
    """Return the nodes whose output has rows for every step, `[T*B, ...]`."""
    stepped: set[fx.Node] = set()
    for node in calls(graph):
        module = module_of(graph, node)
        if isinstance(module, (Fold, Repeat)) or (
            not isinstance(module, TimeMean) and any(operand in stepped for operand in operands(node))
        ):
            stepped.add(node)
    return stepped
