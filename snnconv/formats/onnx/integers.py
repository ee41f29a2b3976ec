r"""Integers in a graph, as onnxruntime computes them: what the 8-bit forms of a network have in common.

An activation of levels 0..K, or -K..K, *is* an 8-bit integer k with zero point 0 and a step δ. A convolution of levels

    z_o = sum_i w_oi·δ_i·k_i + b_o        in units u_o of what reads it

has weights `w·δ_i/u_o`, one scale a channel for 8 bits, and is written as DequantizeLinear, Conv, QuantizeLinear, which
onnxruntime runs as one integer operator (`QLinearConv`).

* Where real values are to come out of it, they are written in 8 bits over a window of the values that matter, a scale
  of its own for each channel, or in several windows side by side, where one would be too coarse.
* Where another convolution of levels is added (a downsampling shortcut of 1 x 1), both become one, of both inputs.

All else (a convolution of real values, a read-out behind a mean) stays in float.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import fx, nn

from snnconv.graph.access import calls, module_of, operands
from snnconv.graph.emission import EMITTERS, Emission
from snnconv.graph.exporter import OnnxLowering
from snnconv.graph.operator import NoForm, find_operator
from snnconv.graph.products import MatMul
from snnconv.neurons import Site

__all__ = [
    "MOST",
    "MOST_WINDOWS",
    "Array",
    "IntegerLowering",
    "LevelForm",
    "LevelTensor",
    "in_units",
    "level_form",
    "rounded",
]

Array = NDArray[Any]
MOST = {False: 255, True: 127}  # levels that 8 bits hold, unsigned and signed
MOST_WINDOWS = 4
WEIGHTS = 127
BIASES = 2**30


@dataclass(frozen=True)
class LevelTensor:
    """An activation as integers.

    Attributes:
        name: Name of the tensor.
        step: Value of one level, `[]` or `[C]` on axis 1.
        least: The lowest level.
        most: The highest level.
    """

    name: str
    step: Array
    least: int
    most: int


class LevelForm(Enum):
    """Treatment of levels by an operator; an operator with no form for them is computed in 32-bit floats."""

    CONVOLVED = "weights of 8 bits, as QLinearConv"
    ADDED = "summand of a convolution of levels"
    PASSED_ON = "its ONNX operator, on levels"


def level_form(module: nn.Module) -> LevelForm | None:
    """Return how an operator treats levels; None where it is computed in floats."""
    operator = find_operator(module)
    if operator is None:
        return None
    form: LevelForm | NoForm | Callable[[nn.Module], LevelForm | None] = operator.forms["int8"]
    if isinstance(form, NoForm):
        return None
    return form if isinstance(form, LevelForm) else form(module)


class IntegerLowering(OnnxLowering):
    """Walk that writes the sites in order, and what a site needs when it needs it: as levels, as floats, or as both.

    Args:
        graph: Graph with batch-norm folded, and no module called twice.
        outputs: Names of the graph's outputs.

    Attributes:
        levels: Activations that are written as levels.
        integers: Number of convolutions on levels.
    """

    def __init__(self, graph: fx.GraphModule, outputs: Sequence[str]) -> None:
        super().__init__(graph, outputs)
        self.levels: dict[fx.Node, LevelTensor] = {}
        self.integers = 0

    def run(self) -> list[str]:
        """Write the sites and all that the outputs need; returns the names of the outputs' tensors."""
        for node in calls(self.graph):
            module = module_of(self.graph, node)
            if isinstance(module, Site) and self.takes(module):
                self.write_site(node, module)
            elif level_form(module) is LevelForm.PASSED_ON and operands(node)[0] in self.levels:
                levels = self.levels[operands(node)[0]]
                name = EMITTERS[type(module)](module, self.emission, [levels.name], self.fresh_name(node))
                self.levels[node] = replace(levels, name=name)
        return self.results()

    @abstractmethod
    def takes(self, site: Site) -> bool:
        """Return whether a site's levels fit into 8 bits; another site stays in float."""

    @abstractmethod
    def write_site(self, node: fx.Node, site: Any) -> None:
        """Write a site's levels, from what it receives."""

    def value(self, node: fx.Node) -> str:
        """Return the name of an activation in its own units; it is written when first asked for."""
        if node in self.levels and node not in self.values:
            self.values[node] = self._real_values(node)
        return super().value(node)

    def _real_values(self, node: fx.Node) -> str:
        """Write the values of levels.

        In a network with products of activations, steps that channels have of their own are multiplied apart:
        onnxruntime fuses DequantizeLinear with MatMul as if its scales were those of the product's columns.
        """
        levels, name = self.levels[node], f"{node.target}:currents"
        if not levels.step.ndim or not any(isinstance(module, MatMul) for module in self.graph.modules()):
            return self.dequantized(levels, name)
        whole = self.dequantized(replace(levels, step=np.ones((), levels.step.dtype)), f"{name}.levels")
        steps = levels.step.reshape(-1, *[1] * (len(node.meta["shape"]) - 1))
        return self.emission.node("Mul", [whole, self.emission.constant(steps, f"{name}.steps")], name)

    def private(self, node: fx.Node) -> bool:
        """Return whether a node has one reader, and is no output of the network."""
        return len(node.users) == 1 and node not in self.outputs

    def of_levels(self, node: fx.Node) -> bool:
        """Return whether it is a convolution of levels that nobody reads but the node that asks."""
        if node.op != "call_module" or level_form(module_of(self.graph, node)) is not LevelForm.CONVOLVED:
            return False
        return operands(node)[0] in self.levels and self.private(node)

    def dequantized(self, levels: LevelTensor, name: str, zero: Array | int = 0) -> str:
        """Return levels, less a level that counts as 0, one for all channels or one each, as floats."""
        step = levels.step
        inputs = [levels.name, self.emission.constant(step, f"{name}.scale")]
        if isinstance(zero, int) and zero:
            inputs.append(self.constant(np.full(step.shape, zero, np.uint8), f"level.{step.size}", zero))
        elif not isinstance(zero, int):
            inputs.append(self.emission.constant(zero.astype(np.uint8), f"{name}.zero"))
        return self.emission.node("DequantizeLinear", inputs, name, axis=1)

    def convolution_behind(self, node: fx.Node) -> tuple[fx.Node, Any, LevelTensor] | None:
        """Return the one convolution of levels behind a node: it, or two whose sum it is; its module and its input."""
        if self.of_levels(node):
            return node, module_of(self.graph, node), self.levels[operands(node)[0]]
        pair = self.added(node)
        if pair is None or not all(self.of_levels(term) for term in pair):
            return None
        for long, short in (pair, pair[::-1]):
            both = self._merged(long, short)
            if both is not None:
                return long, *both
        return None

    def added(self, node: fx.Node) -> tuple[fx.Node, fx.Node] | None:
        """Return the two activations of one shape that a node adds for one reader."""
        module = module_of(self.graph, node) if node.op == "call_module" and self.private(node) else None
        if module is None or level_form(module) is not LevelForm.ADDED or len(operands(node)) != 2:
            return None
        one, other = operands(node)
        return (one, other) if one.meta["shape"] == other.meta["shape"] else None

    def _merged(self, long: fx.Node, short: fx.Node) -> tuple[Any, LevelTensor] | None:
        """Return one convolution of both inputs for the sum of two: one of stride 1, and one of 1 x 1 of any stride."""
        one: Any = module_of(self.graph, long)
        other: Any = module_of(self.graph, short)
        a, b = self.levels[operands(long)[0]], self.levels[operands(short)[0]]
        rank = len(one.kernel_size)
        middle = [(kernel - 1) // 2 for kernel in one.kernel_size]
        odd = all(kernel % 2 and tuple(one.padding) == tuple(middle) for kernel in one.kernel_size)
        plain = set(one.stride) == set(one.dilation) == {1} and set(other.kernel_size) == {1} and not any(other.padding)
        if not (odd and plain and one.groups == other.groups == 1 and a.least == b.least == 0):
            return None
        name = self.fresh_name(short)
        thinned = b.name
        if set(other.stride) != {1}:
            kernel = [1] * rank
            thinned = self.emission.node("MaxPool", [thinned], name, kernel_shape=kernel, strides=list(other.stride))
        joined = self.emission.node("Concat", [a.name, thinned], f"{name}:joined", axis=1)
        merged = type(one)(
            one.in_channels + other.in_channels, one.out_channels, one.kernel_size, padding=tuple(middle)
        )
        weight = torch.zeros_like(merged.weight, dtype=torch.float64)
        weight[:, : one.in_channels] = one.weight.detach()
        weight[(slice(None), slice(one.in_channels, None), *middle)] = other.weight.detach().flatten(1).double()
        biases = [part.bias.detach().double() for part in (one, other) if part.bias is not None]
        merged.weight = nn.Parameter(weight)
        merged.bias = nn.Parameter(torch.stack(biases).sum(0) if biases else torch.zeros(one.out_channels).double())
        steps = [np.broadcast_to(tensor.step, (m.in_channels,)) for tensor, m in ((a, one), (b, other))]
        return merged, LevelTensor(joined, np.concatenate(steps), 0, max(a.most, b.most))

    def convolution(
        self, node: fx.Node, module: Any, source: LevelTensor, unit: Array, shift: Array | float = 0.0
    ) -> str:
        """Write a convolution of levels in units of what reads it; onnxruntime runs this form as one operator."""
        self.integers += 1
        name, e = self.fresh_name(node), self.emission
        weights, scale, bias = rounded(module, source.step, unit, shift)
        scales = e.constant(scale, f"{name}.scale")
        x = e.node("DequantizeLinear", [source.name, self.unit_scale()], f"{name}.levels")
        w = e.node("DequantizeLinear", [e.constant(weights, f"{name}.weight"), scales], f"{name}.weights", axis=0)
        b = e.node("DequantizeLinear", [e.constant(bias, f"{name}.bias"), scales], f"{name}.biases", axis=0)
        return e.node("Conv", [x, w, b], name, **_attributes(module))

    def window(
        self, node: fx.Node, module: Any, source: LevelTensor, unit: Array, shift: Array | float, name: str
    ) -> str:
        """Write the part within 0..255 of a convolution of levels, in units `[C]` and shifted by so many, in 8 bits."""
        exact = self.convolution(node, module, source, unit, shift)
        zero = self.constant(np.zeros((), np.uint8), "zero", 0)
        return self.emission.node("QuantizeLinear", [exact, self.unit_scale(), zero], name)

    def clipped(self, levels: str, site: Site, most: int, name: str) -> str:
        """Return levels no higher than the highest of a site, and no lower than the lowest."""
        if most >= MOST[site.signed]:
            return levels
        kind = np.dtype(np.int8 if site.signed else np.uint8)
        low = self.constant(np.array(-most if site.signed else 0, kind), "least", most)
        high = self.constant(np.array(most, kind), "most", most)
        return self.emission.node("Clip", [levels, low, high], f"{name}.clipped")

    def constant(self, values: Array, name: str, number: int) -> str:
        """Return the name of a constant that many nodes read."""
        return self.emission.once(values, f"{name}.{values.dtype.name}.{number}")

    def unit_scale(self) -> str:
        """Return the name of a scale of 1."""
        return self.emission.once(np.ones((), np.float32), "one")


def _attributes(module: Any) -> dict[str, Any]:
    """Return the attributes of a convolution, as its emitter writes them."""
    scratch = Emission()
    EMITTERS[type(module)](module, scratch, ["x"], "scratch")
    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in scratch.nodes[-1].attribute}


def in_units(module: Any, step: Array, unit: Array) -> Array:
    """Return weights `[O, I/groups, ...]` of levels of `step`, in units of the output."""
    weight = module.weight.detach().double().cpu().numpy()
    outputs, inputs = weight.shape[:2]
    spatial = (1,) * (weight.ndim - 2)
    steps = np.broadcast_to(step, (inputs * module.groups,)).reshape(module.groups, 1, inputs)
    by_output = np.broadcast_to(steps, (module.groups, outputs // module.groups, inputs))
    by_output = by_output.reshape(outputs, inputs, *spatial)
    return np.asarray(weight * by_output / np.broadcast_to(unit, (outputs,)).reshape(-1, 1, *spatial))


def rounded(module: Any, step: Array, unit: Array, shift: Array | float) -> tuple[Array, Array, Array]:
    """Return a convolution of levels in units of its output: weights int8, scales `[O]`, biases int32."""
    scaled = in_units(module, step, unit)
    outputs = len(scaled)
    spatial = (1,) * (scaled.ndim - 2)
    units = np.broadcast_to(unit, (outputs,))
    bias = np.zeros(outputs) if module.bias is None else module.bias.detach().double().cpu().numpy() / units
    bias = bias + shift
    largest = np.abs(scaled).reshape(outputs, -1).max(1) / WEIGHTS
    scale = np.maximum(np.maximum(largest, np.abs(bias) / BIASES), np.finfo(np.float32).tiny).astype(np.float32)
    whole = np.rint(scaled / scale.reshape(-1, 1, *spatial).astype(np.float64))
    weights = np.clip(whole, -WEIGHTS, WEIGHTS).astype(np.int8)
    return weights, scale, np.rint(bias / scale.astype(np.float64)).astype(np.int32)
