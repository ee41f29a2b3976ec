"""A spiking graph of single-threshold neurons -> the nodes and edges of a NIR graph, module by module."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from snnconv.errors import UnsupportedNode, UnsupportedOperatorsError
from snnconv.formats.nir.draft import INPUT, OUTPUT, NirDraft
from snnconv.formats.nir.layers import Array, as_convolution, averaging, padded, placement, spatial_padding
from snnconv.formats.nir.neurons import neurons_of
from snnconv.formats.nir.signals import Signal, by_channel
from snnconv.graph.access import calls, module_of, operands, results
from snnconv.graph.linear import NORMS
from snnconv.graph.modules import (
    Arithmetic,
    AveragePool,
    Concat,
    MaxPool,
    Pad,
    ReduceMean,
    Reshape,
    Slice,
    Squeeze,
    Transpose,
)
from snnconv.graph.node import Refusal
from snnconv.model import Model
from snnconv.neurons import Fold, Repeat, SpikingSite, Steps, TimeMean

__all__ = ["NirWriter"]

PASSING = (Fold, Repeat, Steps, TimeMean, nn.Identity, nn.Dropout)
AVERAGE = "average pooling in its place, before the network is trained, is written"


class NirWriter(NirDraft):
    """Writes one network.

    Args:
        model: an SNN of one level a step.
        exact_reset: build the reset by subtraction of primitives.
        unit_thresholds: let every threshold be 1.
        dt: seconds of a step.

    Attributes:
        sites: of our graph, and the NIR nodes that fire.
        turned: whether the network's input has its channels last, and the file's first.
    """

    def __init__(self, model: Model, *, exact_reset: bool, unit_thresholds: bool, dt: float) -> None:
        super().__init__(len(model.outputs))
        self.graph = model.graph
        self.exact_reset, self.unit_thresholds, self.dt = exact_reset, unit_thresholds, dt
        self.signals: dict[fx.Node, Signal] = {}
        self.padding: dict[fx.Node, list[tuple[int, int]]] = {}
        self.sites: dict[str, str] = {}
        self.turned = False

    def write(self) -> None:
        """Write all nodes.

        Raises:
            UnsupportedOperatorsError: modules that NIR cannot hold, all of them.
        """
        import nir

        given: fx.Node = next(node for node in self.graph.graph.nodes if node.op == "placeholder")
        shape = tuple(given.meta["shape"])
        self.turned = all(self._turns(user) for user in given.users)
        if self.turned:
            shape = (shape[2], shape[0], shape[1])
        self.nodes[INPUT] = nir.Input(input_type=np.array(shape))
        self.signals[given] = Signal({INPUT: np.ones(())}, shape)
        refused = []
        for node in calls(self.graph):
            module = module_of(self.graph, node)
            try:
                signal = self._signal(node, module)
            except Refusal as reason:
                name = str(node.meta.get("onnx_name", node.target))
                refused.append(UnsupportedNode(name, type(module).__name__, str(reason)))
                signal = Signal({INPUT: np.ones(())}, tuple(node.meta["shape"]))
            self.signals[node] = signal.read_by(len(node.users))
        if refused:
            raise UnsupportedOperatorsError("NIR cannot hold these operators", refused)
        self._write_outputs()
        self.finish()

    def _turns(self, node: fx.Node) -> bool:
        """Whether a node, or all that read what it passes on, turn the network's input to channels first."""
        if node.op != "call_module":
            return False
        module = module_of(self.graph, node)
        if isinstance(module, PASSING):
            return all(self._turns(user) for user in node.users)
        return isinstance(module, Transpose) and module.order == (0, 3, 1, 2)

    def _write_outputs(self) -> None:
        import nir

        found = results(self.graph)
        for number, node in enumerate(found[: len(found) // 2]):
            signal = self.signals[node]
            name = OUTPUT if not number else f"{OUTPUT}_{number}"
            sources = self.plain(signal, f"{name}_scaled")
            self.nodes[name] = nir.Output(output_type=np.array(signal.shape))
            self.edges += [(source, name) for source in sources]

    def _signal(self, node: fx.Node, module: nn.Module) -> Signal:
        """What a node puts out."""
        given = [self.signals[operand] for operand in operands(node)]
        if isinstance(module, PASSING):
            return given[0]
        if isinstance(module, SpikingSite):
            return self._fire(node, module, given[0])
        for kinds, handler in self._handlers():
            if isinstance(module, kinds):
                return handler(node, module, given)
        raise AssertionError("the last handler takes every module")

    def _handlers(self) -> list[tuple[Any, Callable[[fx.Node, Any, list[Signal]], Signal]]]:
        return [
            ((nn.Linear, nn.Conv2d, Slice, Pad), self._convolve),
            (Arithmetic, self._arithmetic),
            (NORMS, self._norm),
            (AveragePool, self._average),
            (ReduceMean, self._mean),
            (Concat, self._join),
            (Transpose, self._transpose),
            (nn.Module, self._reshape),
        ]

    def _convolve(self, node: fx.Node, module: nn.Module, given: list[Signal]) -> Signal:
        users = [module_of(self.graph, user) for user in node.users if user.op == "call_module"]
        pads = spatial_padding(module)
        if pads is not None and len(users) == 1 and isinstance(users[0], nn.Conv2d) and users[0].dilation == (1, 1):
            self.padding[node] = pads
            return given[0]
        convolution = as_convolution(module, given[0].shape)
        assert convolution is not None
        if (before := self.padding.get(operands(node)[0])) is not None:
            joined = padded(convolution, before)
            assert joined is not None
            convolution = joined
        return self.convolve(
            str(node.target), tuple(node.meta["shape"]), convolution, given[0], moves=isinstance(module, (Slice, Pad))
        )

    def _fire(self, node: fx.Node, site: SpikingSite, given: Signal) -> Signal:
        name = self.name(str(node.target))
        neurons = neurons_of(site, given.shape)
        if self.unit_thresholds:
            neurons = neurons.in_thresholds()
        sources = self.plain(given.scaled(neurons.gain), f"{name}_scaled")
        fires = name
        if self.exact_reset and neurons.loops:
            made = {part: self.name(f"{name}_{part}") for part in ("potential", "fire", "taken", "later")}
            for part, each in neurons.loop(self.dt).items():
                self.put(made[part], each)
            ring = [made[part] for part in ("potential", "fire", "taken", "later", "potential")]
            self.edges += itertools.pairwise(ring)
            name, fires = made["potential"], made["fire"]
        else:
            self.put(name, neurons.node(self.dt))
        self.edges += [(source, name) for source in sources]
        self.sites[str(node.target)] = fires
        return Signal({fires: neurons.worth}, given.shape)

    def _arithmetic(self, node: fx.Node, module: Arithmetic, given: list[Signal]) -> Signal:
        if len(given) == 2:
            if module.operator not in ("add", "sub"):
                raise Refusal("the product of two signals is in no NIR node: a network without gates is written")
            sign = 1.0 if module.operator == "add" else -1.0
            if module.constant_first:
                given = given[::-1]
            return given[0].plus(given[1], sign)
        assert module.constant is not None
        constant = by_channel(module.constant, given[0].shape)
        if module.operator == "mul":
            return given[0].scaled(constant)
        if module.operator == "div" and not module.constant_first:
            return given[0].scaled(1 / constant)
        if module.operator == "div":
            raise Refusal("it divides by a signal, which no NIR node does")
        signal = given[0].scaled(np.array(-1.0)) if module.operator == "sub" and module.constant_first else given[0]
        less = module.operator == "sub" and not module.constant_first
        return self.shift(signal, -constant if less else constant)

    def _norm(self, node: fx.Node, module: Any, given: list[Signal]) -> Signal:
        with torch.no_grad():
            scale = 1 / (module.running_var.double() + module.eps).sqrt()
            shift = -module.running_mean.double() * scale
            if module.affine:
                scale, shift = scale * module.weight, shift * module.weight + module.bias
        return self.shift(given[0].scaled(scale.cpu().numpy()), shift.cpu().numpy())

    def _average(self, node: fx.Node, module: AveragePool, given: list[Signal]) -> Signal:
        if any(module.pads):
            shape = tuple(node.meta["shape"])
            return self.convolve(str(node.target), shape, averaging(module, given[0].shape[0]), given[0])
        return self.sum_pool(str(node.target), given[0], module.kernel, module.stride)

    def _mean(self, node: fx.Node, module: ReduceMean, given: list[Signal]) -> Signal:
        shape = given[0].shape
        if len(shape) != 3 or sorted(axis % 4 for axis in module.axes) != [2, 3]:
            raise Refusal(f"it averages axes {module.axes} of {list(shape)}: rows and columns of images are averaged")
        pooled = self.sum_pool(str(node.target), given[0], shape[1:], shape[1:])
        return pooled if module.keepdims else self.flatten(f"{node.target}_flat", pooled)

    def _reshape(self, node: fx.Node, module: nn.Module, given: list[Signal]) -> Signal:
        """A flattening of all axes, whatever module does it."""
        shape = tuple(node.meta["shape"])
        if not isinstance(module, (nn.Flatten, Reshape, Squeeze)):
            return self._unknown(node, module)
        if shape == given[0].shape:
            return given[0]
        if len(shape) != 1:
            raise Refusal(f"it makes {list(shape)} of {list(given[0].shape)}: NIR flattens only")
        return self.flatten(str(node.target), given[0])

    def _unknown(self, node: fx.Node, module: nn.Module) -> Signal:
        if isinstance(module, MaxPool):
            raise Refusal(f"NIR has no maximum: {AVERAGE}")
        before = [module_of(self.graph, each) for each in operands(node) if each.op == "call_module"]
        if any(isinstance(each, TimeMean) for each in before):
            raise Refusal("it takes the mean over all time steps, for which NIR has no node: end the network before it")
        raise Refusal("NIR has no node for it")

    def _join(self, node: fx.Node, module: Concat, given: list[Signal]) -> Signal:
        if module.axis != 1 or module.positions:
            raise Refusal("it joins constants, or along another axis than the channels'")
        shape = tuple(node.meta["shape"])
        total, first = sum(signal.shape[0] for signal in given), 0
        terms: dict[str, Array] = {}
        for signal in given:
            placed = self.convolve(
                str(node.target), shape, placement(signal.shape[0], total, first, signal.shape), signal
            )
            terms.update(placed.terms)
            first += signal.shape[0]
        return Signal(terms, shape, frozenset(terms))

    def _transpose(self, node: fx.Node, module: Transpose, given: list[Signal]) -> Signal:
        if list(given[0].terms) == [INPUT] and self.turned:
            return given[0]
        raise Refusal("NIR does not permute axes: only an input that is turned to channels first is written")
