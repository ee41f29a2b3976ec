"""From a network's graph to layers of integers, node by node; what cannot be held is gathered, and refused at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import fx, nn

from snnconv.errors import UnsupportedNode, UnsupportedOperatorsError
from snnconv.formats.hardware.layers import WIDEST, Array, Integers, Layer, Signal, Unheld, bits_of, compact, whole
from snnconv.graph.access import calls, module_of, operands, results
from snnconv.model import InputSpec
from snnconv.neurons import Site
from snnconv.registry import Registry

__all__ = ["HOLDERS", "Builder", "Holder"]

OUTPUT_FINE = 10  # binary digits at least of the factors that bring an output's channels to one scale
PIXELS = (0, 255)  # of an image; counts of events are cut off there


class Builder:
    """Turns every node into layers.

    Args:
        graph: batch-norm folded, no module called twice, without time.
        input_spec: what the network expects of one input.
        weight_bits: of a signed weight.
        passes: how often the layers run for one answer: T of neurons that fire step by step, 1 of those that see
            their window.

    Attributes:
        layers: in the order of execution.
        outputs: for each output the layer and its scale.

    Raises:
        UnsupportedOperatorsError: nodes cannot be held in integers; all of them are listed.
    """

    def __init__(self, graph: fx.GraphModule, input_spec: InputSpec, weight_bits: int, passes: int) -> None:
        self.graph = graph
        self.weight_bits = weight_bits
        self.passes = passes
        self.layers: list[Layer] = []
        first = next(node for node in graph.graph.nodes if node.op == "placeholder")
        signals = {first: self._input(str(first.meta.get("onnx_name", first.target)), input_spec)}
        refused = []
        for node in calls(graph):
            try:
                signals[node] = self._held(node, [signals[given] for given in operands(node)])
            except Unheld as reason:
                kind = type(module_of(graph, node)).__name__
                refused.append(UnsupportedNode(self.name_of(node), kind, str(reason)))
                signals[node] = _any(node.meta["shape"])
        if refused:
            raise UnsupportedOperatorsError("The network cannot be held in integers", refused)
        self.outputs = [self._output(self.name_of(node), signals[node]) for node in results(graph)]

    def name_of(self, node: fx.Node) -> str:
        """The network's own name of a node."""
        return str(node.meta.get("onnx_name", node.target))

    def _held(self, node: fx.Node, given: list[Signal]) -> Signal:
        module = module_of(self.graph, node)
        hold = HOLDERS.get(Site if isinstance(module, Site) else type(module))  # sites say themselves what holds them
        if hold is None:
            raise Unheld("integers have no form of it; linear operators, sums, pooling and IF or M-HT neurons have one")
        return hold(self, node, module, given)

    def add(
        self,
        name: str,
        operator: str,
        given: Sequence[Signal],
        scale: Array,
        extent: tuple[int, int],
        shape: Sequence[int],
        *,
        offset: Array | None = None,
        attributes: dict[str, Any] | None = None,
        arrays: dict[str, Integers] | None = None,
        inner: tuple[int, int] | None = None,
        state: tuple[int, int] | None = None,
    ) -> Signal:
        """Append a layer; returns what it passes on.

        Args:
            name: of the node.
            operator: of the layer.
            given: what it reads.
            scale: of its output.
            extent: the least and the most of its output.
            shape: of its output.
            offset: of its output; None: 0.
            attributes: settings.
            arrays: its own.
            inner: the least and the most on the way to its output, where that is wider.
            state: the least and the most that it holds from step to step.
        """
        low, high = inner or extent
        wide = max(bits_of(low, high), bits_of(*(state or (0, 0))))
        if wide > WIDEST:
            raise Unheld(f"its sums need {wide} bits, more than {WIDEST}: take fewer bits for weights, or fewer levels")
        scale, sample = np.asarray(scale, np.float64), tuple(shape)
        values, axis = compact(scale, sample)
        known = values if values.ndim == 1 else None
        layer = Layer(
            name, operator, tuple(each.layer for each in given), sample, low, high, known, axis,
            attributes or {}, arrays or {}, state,
        )  # fmt: skip
        self.layers.append(layer)
        none = np.zeros((1,) * len(sample))
        return Signal(len(self.layers) - 1, sample, scale, *extent, none if offset is None else offset)

    def _input(self, name: str, spec: InputSpec) -> Signal:
        """Pixels 0..255, or counts of events, less a zero point for each channel: x = (p/255 - mean)/std."""
        shape = spec.sample_shape()
        unit = 1 / 255 if spec.timesteps is None else 1.0
        channels = len(shape) - 1 if spec.layout == "NHWC" else 0
        along = tuple(-1 if axis == channels else 1 for axis in range(len(shape)))
        mean, std = (
            np.broadcast_to(np.asarray(values, np.float64), (spec.channels,)).reshape(along)
            for values in (spec.mean or (0.0,), spec.std or (1.0,))
        )
        zero = np.rint(mean / unit)
        values, axis = compact(whole(zero), shape)
        extent = (min(0, int(PIXELS[0] - zero.max())), max(0, int(PIXELS[1] - zero.min())))
        return self.add(
            name,
            "input",
            [],
            np.asarray(unit / std),
            extent,
            shape,
            offset=np.asarray((zero * unit - mean) / std),
            attributes={"least": PIXELS[0], "most": PIXELS[1]},
            arrays={"zero": Integers(values, axis)},
        )

    def _output(self, name: str, signal: Signal) -> tuple[int, float]:
        """The layer of an output, all of whose channels are worth the same, and what."""
        values, _ = compact(signal.scale, signal.shape)
        if values.size == 1:
            return signal.layer, float(values[0])
        unit = float(signal.scale.min()) / 2**OUTPUT_FINE
        multipliers, axis = compact(whole(signal.scale / unit), signal.shape)
        most = int(multipliers.max())
        extent = (min(0, signal.low * most), max(0, signal.high * most))
        scale = np.full((1,) * len(signal.shape), unit)
        arrays = {"multipliers": Integers(multipliers, axis)}
        made = self.add(f"{name} in one scale", "affine", [signal], scale, extent, signal.shape, arrays=arrays)
        return made.layer, unit


def _any(shape: Sequence[int]) -> Signal:
    """In the place of what cannot be held, so that what comes after it is looked at too."""
    ones = np.ones((1,) * len(shape))
    return Signal(0, tuple(shape), ones, 0, 1, 0 * ones)


# (builder, node, module, what it reads) -> what it passes on
Holder = Callable[[Builder, fx.Node, Any, list[Signal]], Signal]

HOLDERS: Registry[type[nn.Module], Holder] = Registry("module type")
