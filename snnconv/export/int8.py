r"""A quantized network in 8-bit integers, as onnxruntime computes them.

A QCFS activation of N <= 255 levels *is* an unsigned 8-bit integer with zero point 0 and scale λ/N. Between two sites

    k' = clip(round(a), 0, N),   a = z/(λ'/N'),   z = sum_i w_i·(λ_i/N)·k_i + b

is computed on the levels k (derived):

* Where a convolution is all that stands between, both scales go into its weights, `w·(λ_i/N)/(λ'_o/N')`, one scale a
  channel for 8 bits, and z/(λ'/N') is rounded as it leaves the convolution: DequantizeLinear, Conv, QuantizeLinear,
  which onnxruntime runs as one integer operator.
* Where another site's output is added behind the convolution (a residual block), that lies within 0..λ'', so that only
  convolution outputs within -λ''..λ' matter. This window, a scale of its own for each channel, is written in 8 bits, or
  in several windows side by side of 8 bits each, until one step of it is at most a third of a level (`FINE`).
* Where another convolution of levels is added (a downsampling shortcut of 1 x 1), both become one, of both inputs.

Levels, and so activations, are exact: weights are rounded to 8 bits a channel, biases to 32, and what is added to a
residual to a third of a level at most. Rounding is to the nearest even level where QCFS rounds half up. All else (a
convolution of real values, a read-out behind a mean) stays in float.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import fx, nn

from snnconv.convert.spike import collapse
from snnconv.errors import ModelError
from snnconv.export.onnx import wrapped
from snnconv.files import write_atomically
from snnconv.graph.access import calls, module_of, operands, results
from snnconv.graph.emission import EMITTERS, Emission
from snnconv.graph.linear import CONVOLUTIONS
from snnconv.graph.modules import Arithmetic, MaxPool
from snnconv.graph.passes import fold_affine, run_passes, split_calls
from snnconv.model import Model, Stage
from snnconv.neurons import QCFS

__all__ = ["save_int8", "to_int8"]

Array = NDArray[Any]
MOST = {False: 255, True: 127}  # levels that 8 bits hold, unsigned and signed
WEIGHTS = 127
BIASES = 2**30
FINE, MOST_WINDOWS = 3, 4  # steps of a window to a level, at least, if so many windows are enough


@dataclass(frozen=True)
class _Levels:
    """An activation as integers.

    Attributes:
        name: of the tensor.
        step: what one level is, `[]` or `[C]` on axis 1.
        least: the lowest level.
        most: the highest.
    """

    name: str
    step: Array
    least: int
    most: int


def to_int8(model: Model) -> onnx.ModelProto:
    """The quantized network, or the one that a mean-coupled SNN equals, with 8-bit weights and activations.

    Args:
        model: a quantized network or a mean-coupled SNN.

    Raises:
        ModelError: it is a plain network, or no site has few enough levels and a convolution to feed.
    """
    if model.stage is Stage.ANN:
        raise ModelError("A plain network has no levels: convert it first, then export it in 8 bits.")
    quantized = collapse(model) if model.stage is Stage.SNN else model.copy()
    run_passes(quantized.graph.eval(), (split_calls, fold_affine))
    writer = _Writer(quantized)
    if not writer.integers:
        raise ModelError(
            f"No convolution takes levels that fit into 8 bits (N <= {MOST[False]}): convert with fewer total levels."
        )
    return wrapped(writer.graph, None)


def save_int8(model: Model, path: str | os.PathLike[str]) -> Path:
    """Write `to_int8(model)`, atomically.

    Raises:
        FileError: it cannot be written; nothing is left behind.
        ModelError: as of `to_int8`.
    """
    write_atomically(path, to_int8(model).SerializeToString())
    return Path(path)


class _Writer:
    """Writes the sites in order, and what a site needs when it needs it: as levels, as floats, or as both."""

    def __init__(self, model: Model) -> None:
        self.fx = model.graph
        first = next(node for node in self.fx.graph.nodes if node.op == "placeholder")
        given = str(first.meta.get("onnx_name", first.target))
        self.emission = Emission({given, *model.outputs})
        self.calls: Counter[str] = Counter()
        self.floats: dict[fx.Node, str] = {first: given}
        self.levels: dict[fx.Node, _Levels] = {}
        self.integers = 0  # convolutions on levels
        for node in calls(self.fx):
            module = module_of(self.fx, node)
            if self._is_integer(module):
                self._site(node, module)
            elif isinstance(module, MaxPool) and operands(node)[0] in self.levels:
                pooled = self.levels[operands(node)[0]]
                name = EMITTERS[MaxPool](module, self.emission, [pooled.name], self._name(node))
                self.levels[node] = replace(pooled, name=name)
        found = [self._float(node) for node in results(self.fx)]
        for name, wanted in zip(found, model.outputs, strict=True):
            self.emission.nodes.append(onnx.helper.make_node("Identity", [name], [wanted], f"{wanted}:output"))
        shapes = [["batch", *node.meta["shape"]] for node in results(self.fx)]
        self.graph = onnx.helper.make_graph(
            self.emission.nodes,
            "snnconv",
            [_tensor(given, ["batch", *model.input.sample_shape()])],
            [_tensor(name, shape) for name, shape in zip(model.outputs, shapes, strict=True)],
            list(self.emission.initializers.values()),
        )

    @staticmethod
    def _is_integer(module: nn.Module) -> TypeGuard[QCFS]:
        """Whether it is a site whose levels fit, with its channels where a convolution has them."""
        if not isinstance(module, QCFS) or module.total_levels > MOST[module.signed]:
            return False
        return module.ceiling.dim() == 0 or module.channel_axis == 1

    def _name(self, node: fx.Node) -> str:
        own = str(node.meta.get("onnx_name", node.target))
        self.calls[own] += 1  # a module called twice is written twice
        return own if self.calls[own] == 1 else f"{own}:{self.calls[own]}"

    def _private(self, node: fx.Node) -> bool:
        """Whether a node has one reader, and is no output of the network."""
        return len(node.users) == 1 and node not in results(self.fx)

    def _of_levels(self, node: fx.Node) -> bool:
        """Whether it is a convolution of levels that nobody reads but the node that asks."""
        if node.op != "call_module" or not isinstance(module_of(self.fx, node), CONVOLUTIONS):
            return False
        return operands(node)[0] in self.levels and self._private(node)

    def _float(self, node: fx.Node) -> str:
        """Name of an activation in its own units; written, with all that leads to it, when first asked for."""
        if node in self.floats:
            return self.floats[node]
        if node in self.levels:
            self.floats[node] = self._dequantized(self.levels[node], f"{node.target}:currents")
            return self.floats[node]
        module = module_of(self.fx, node)
        emit = EMITTERS.get(type(module))
        if emit is None:
            raise ModelError(f"{type(module).__name__} {node.target!r} has no ONNX form.")
        given, name = [self._float(arg) for arg in operands(node)], self._name(node)
        self.emission.ranks[name] = len(node.meta["shape"]) + 1
        self.floats[node] = emit(module, self.emission, given, name)
        return self.floats[node]

    def _dequantized(self, levels: _Levels, name: str, zero: int = 0) -> str:
        """Levels, less a level that counts as 0, as floats."""
        step = levels.step
        inputs = [levels.name, self.emission.constant(step, f"{name}.scale")]
        if zero:
            inputs.append(self._once(np.full(step.shape, zero, np.uint8), f"level.{step.size}", zero))
        return self.emission.node("DequantizeLinear", inputs, name, axis=1)

    def _site(self, node: fx.Node, site: QCFS) -> None:
        """Quantize what a site receives, or what a convolution makes for it in units of its levels."""
        name, given = self._name(node), operands(node)[0]
        step = (site.ceiling.detach().double() / site.total_levels).cpu().numpy()
        kind = np.dtype(np.int8 if site.signed else np.uint8)
        received = self._for_site(given, step) or self._with_residual(given, step, site)
        if received is not None:
            scale, zero = self._one(), self._once(np.zeros((), kind), "zero", 0)
        else:
            received, scale = self._float(given), self.emission.constant(step, f"{name}.scale")
            zero = self._once(np.zeros(step.shape, kind), "zero", len(step) if step.shape else 0)
        levels = self.emission.node("QuantizeLinear", [received, scale, zero], name, axis=1)
        total = site.total_levels
        if total < MOST[site.signed]:
            low = self._once(np.array(-total if site.signed else 0, kind), "least", total)
            high = self._once(np.array(total, kind), "most", total)
            levels = self.emission.node("Clip", [levels, low, high], f"{name}.clipped")
        self.levels[node] = _Levels(levels, step, -total if site.signed else 0, total)

    def _for_site(self, node: fx.Node, step: Array) -> str | None:
        """What a site receives in units of its levels, where one convolution of levels makes it."""
        if self._of_levels(node):
            given = self.levels[operands(node)[0]]
            return self._convolution(node, module_of(self.fx, node), given, step)
        pair = self._added(node)
        if pair is None or not all(self._of_levels(each) for each in pair):
            return None
        for long, short in (pair, pair[::-1]):
            both = self._merged(long, short)
            if both is not None:
                return self._convolution(long, *both, step)
        return None

    def _added(self, node: fx.Node) -> tuple[fx.Node, fx.Node] | None:
        """The two activations of one shape that a node adds for one reader."""
        module = module_of(self.fx, node) if node.op == "call_module" and self._private(node) else None
        if not isinstance(module, Arithmetic) or module.operator != "add" or len(operands(node)) != 2:
            return None
        one, other = operands(node)
        return (one, other) if one.meta["shape"] == other.meta["shape"] else None

    def _with_residual(self, node: fx.Node, step: Array, site: QCFS) -> str | None:
        """What a site receives in units of its levels: a residual, and a convolution of levels in windows of 8 bits."""
        pair = self._added(node)
        if pair is None or site.signed:
            return None
        for convolution, residual in (pair, pair[::-1]):
            if self._of_levels(convolution) and residual in self.levels and self.levels[residual].least == 0:
                relative = replace(self.levels[residual], step=self.levels[residual].step / step)
                return self._windows(convolution, relative, step, site.total_levels, self._name(node))
        return None

    def _windows(self, node: fx.Node, residual: _Levels, step: Array, above: int, name: str) -> str:
        module: Any = module_of(self.fx, node)
        below = np.broadcast_to(residual.step * residual.most, (module.out_channels,))  # in levels of the site
        count = min(MOST_WINDOWS, math.ceil(float(np.median(below + above)) * FINE / MOST[False]))
        unit = (below + above) / (MOST[False] * count)
        given = self.levels[operands(node)[0]]
        sum_name = self._dequantized(residual, f"{name}:residual", residual.most)  # less λ'', where the windows begin
        for number in range(count):
            shifted = below / unit - MOST[False] * number
            made = self._convolution(node, module, given, unit * step, shifted)
            zero = self._once(np.zeros((), np.uint8), "zero", 0)
            window = self.emission.node("QuantizeLinear", [made, self._one(), zero], f"{name}:window{number}")
            part = self._dequantized(_Levels(window, unit, 0, MOST[False]), f"{name}:part{number}")
            sum_name = self.emission.node("Add", [sum_name, part], f"{name}:sum{number}")
        return sum_name

    def _merged(self, long: fx.Node, short: fx.Node) -> tuple[Any, _Levels] | None:
        """A convolution of both inputs that is the sum of two: one of stride 1, and one of 1 x 1 of any stride."""
        one: Any = module_of(self.fx, long)
        other: Any = module_of(self.fx, short)
        a, b = self.levels[operands(long)[0]], self.levels[operands(short)[0]]
        rank = len(one.kernel_size)
        middle = [(kernel - 1) // 2 for kernel in one.kernel_size]
        odd = all(kernel % 2 and tuple(one.padding) == tuple(middle) for kernel in one.kernel_size)
        plain = set(one.stride) == set(one.dilation) == {1} and set(other.kernel_size) == {1} and not any(other.padding)
        if not (odd and plain and one.groups == other.groups == 1 and a.least == b.least == 0):
            return None
        name = self._name(short)
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
        biases = [each.bias.detach().double() for each in (one, other) if each.bias is not None]
        merged.weight = nn.Parameter(weight)
        merged.bias = nn.Parameter(torch.stack(biases).sum(0) if biases else torch.zeros(one.out_channels).double())
        steps = [np.broadcast_to(each.step, (m.in_channels,)) for each, m in ((a, one), (b, other))]
        return merged, _Levels(joined, np.concatenate(steps), 0, max(a.most, b.most))

    def _convolution(self, node: fx.Node, module: Any, given: _Levels, unit: Array, shift: Array | float = 0.0) -> str:
        """A convolution of levels in units of what reads it, in the form that onnxruntime runs as one operator."""
        self.integers += 1
        name, e = self._name(node), self.emission
        weights, scale, bias = _rounded(module, given.step, unit, shift)
        scales = e.constant(scale, f"{name}.scale")
        x = e.node("DequantizeLinear", [given.name, self._one()], f"{name}.levels")
        w = e.node("DequantizeLinear", [e.constant(weights, f"{name}.weight"), scales], f"{name}.weights", axis=0)
        b = e.node("DequantizeLinear", [e.constant(bias, f"{name}.bias"), scales], f"{name}.biases", axis=0)
        return e.node("Conv", [x, w, b], name, **_attributes(module))

    def _once(self, values: Array, name: str, number: int) -> str:
        return self.emission.once(values, f"{name}.{values.dtype.name}.{number}")

    def _one(self) -> str:
        return self.emission.once(np.ones((), np.float32), "one")


def _attributes(module: Any) -> dict[str, Any]:
    """Of a convolution, as its emitter writes them."""
    scratch = Emission()
    EMITTERS[type(module)](module, scratch, ["x"], "scratch")
    return {each.name: onnx.helper.get_attribute_value(each) for each in scratch.nodes[-1].attribute}


def _rounded(module: Any, step: Array, unit: Array, shift: Array | float) -> tuple[Array, Array, Array]:
    """A convolution of levels in units of its output: weights `[O, I/groups, ...]` int8, scales `[O]`, biases int32."""
    weight = module.weight.detach().double().cpu().numpy()
    outputs, own = weight.shape[:2]
    groups = module.groups
    spatial = (1,) * (weight.ndim - 2)
    steps = np.broadcast_to(step, (own * groups,)).reshape(groups, 1, own)
    by_output = np.broadcast_to(steps, (groups, outputs // groups, own)).reshape(outputs, own, *spatial)
    units = np.broadcast_to(unit, (outputs,))
    scaled = weight * by_output / units.reshape(-1, 1, *spatial)
    bias = np.zeros(outputs) if module.bias is None else module.bias.detach().double().cpu().numpy() / units
    bias = bias + shift
    largest = np.abs(scaled).reshape(outputs, -1).max(1) / WEIGHTS
    scale = np.maximum(np.maximum(largest, np.abs(bias) / BIASES), np.finfo(np.float32).tiny).astype(np.float32)
    whole = np.rint(scaled / scale.reshape(-1, 1, *spatial).astype(np.float64))
    weights = np.clip(whole, -WEIGHTS, WEIGHTS).astype(np.int8)
    return weights, scale, np.rint(bias / scale.astype(np.float64)).astype(np.int32)


def _tensor(name: str, shape: list[Any]) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
