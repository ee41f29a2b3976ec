"""From a network's graph to layers of integers, node by node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import fx, nn

from snnconv.formats.hardware.layers import (
    WIDEST,
    Array,
    HardwareLayer,
    HardwareSignal,
    Integers,
    bits_of,
    compact,
    whole,
)
from snnconv.graph.access import display_name
from snnconv.graph.lowering import Lowering, form_of
from snnconv.graph.node import Refusal
from snnconv.model import InputSpec
from snnconv.neurons import Site
from snnconv.registry import Registry

__all__ = ["HARDWARE_FORMS", "NO_FORM", "HardwareBuilder", "HardwareForm"]

OUTPUT_FINE = 10  # binary digits at least of the factors that bring an output's channels to one scale
NO_FORM = "integers have no form of it; linear operators, sums, pooling and IF or M-HT neurons have one"
PIXELS = (0, 255)  # of an image; counts of events are cut off there


class HardwareBuilder(Lowering[HardwareSignal]):
    """Walk that turns every node into layers of integers.

    Args:
        graph: Graph with batch-norm folded, no module called twice, without time.
        input_spec: Format of one input of the network.
        weight_bits: Width of a signed weight.
        passes: Number of runs of the layers for one answer: T of neurons that fire step by step, 1 of those that see
            their window.
        arrivals: Number of times that the input and each bias are in the values of the last pass: T where layers hold
            sums of currents over the steps so far, else 1.
        balances: Flag to round weights so that their errors add up to little.

    Attributes:
        layers: Layers in the order of execution.
    """

    def __init__(
        self,
        graph: fx.GraphModule,
        input_spec: InputSpec,
        weight_bits: int,
        passes: int,
        arrivals: int = 1,
        balances: bool = False,
    ) -> None:
        super().__init__(graph, "The network cannot be held in integers")
        self.weight_bits = weight_bits
        self.passes = passes
        self.arrivals = arrivals
        self.balances = balances
        self.layers: list[HardwareLayer] = []
        self.values[self.input] = self._input(self.input_name, input_spec)

    def lower(self, node: fx.Node, module: nn.Module, inputs: list[HardwareSignal]) -> HardwareSignal:
        """Append the layers of one module."""
        if isinstance(module, Site):  # a site's kind says itself how integers hold it
            return HARDWARE_FORMS[Site](self, node, module, inputs)
        return form_of("hardware", HARDWARE_FORMS, module, NO_FORM)(self, node, module, inputs)

    def stand_in(self, node: fx.Node) -> HardwareSignal:
        """Return a signal of the right shape."""
        shape = tuple(node.meta["shape"])
        ones = np.ones((1,) * len(shape))
        return HardwareSignal(0, shape, ones, 0, 1, 0 * ones)

    def outputs_in_one_scale(self) -> list[tuple[int, float]]:
        """Return for each output of the network its layer, and the one value that an integer of it stands for.

        Raises:
            UnsupportedOperatorsError: The integers of some outputs would be too wide; all of them are listed.
        """
        outputs = []
        for node, signal in zip(self.outputs, self.results(), strict=True):
            try:
                outputs.append(self._output(display_name(node), signal))
            except Refusal as refusal:
                self.refusals.add(display_name(node), "output", refusal)
        self.refusals.raise_all()
        return outputs

    def add(
        self,
        name: str,
        operator: str,
        inputs: Sequence[HardwareSignal],
        scale: Array,
        extent: tuple[int, int],
        shape: Sequence[int],
        *,
        offset: Array | None = None,
        attributes: dict[str, Any] | None = None,
        arrays: dict[str, Integers] | None = None,
        inner: tuple[int, int] | None = None,
        state: tuple[int, int] | None = None,
    ) -> HardwareSignal:
        """Append a layer, and return what it passes on.

        Args:
            name: Name of the node.
            operator: Operator of the layer.
            inputs: Signals that it reads.
            scale: Scale of its output.
            extent: The least and the most of its output.
            shape: Shape of its output.
            offset: Offset of its output; None: 0.
            attributes: Settings of the operator.
            arrays: Arrays of the layer.
            inner: The least and the most on the way to its output, where that is wider.
            state: The least and the most that it holds from step to step.

        Raises:
            Refusal: Its sums are too wide.
        """
        low, high = inner or extent
        wide = max(bits_of(low, high), bits_of(*(state or (0, 0))))
        if wide > WIDEST:
            raise Refusal(
                f"its sums need {wide} bits, more than {WIDEST}: take fewer bits for weights, or fewer levels"
            )
        scale, sample = np.asarray(scale, np.float64), tuple(shape)
        values, axis = compact(scale, sample)
        channel_scale = values if values.ndim == 1 else None
        layer = HardwareLayer(
            name, operator, tuple(signal.layer for signal in inputs), sample, low, high, channel_scale, axis,
            attributes or {}, arrays or {}, state,
        )  # fmt: skip
        self.layers.append(layer)
        offset = np.zeros((1,) * len(sample)) if offset is None else offset
        return HardwareSignal(len(self.layers) - 1, sample, scale, *extent, offset)

    def _input(self, name: str, spec: InputSpec) -> HardwareSignal:
        """Append the input: pixels 0..255, or counts of events, less a zero point a channel: x = (p/255 - mean)/std."""
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
        extent = (
            self.arrivals * min(0, int(PIXELS[0] - zero.max())),
            self.arrivals * max(0, int(PIXELS[1] - zero.min())),
        )
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

    def _output(self, name: str, signal: HardwareSignal) -> tuple[int, float]:
        values, _ = compact(signal.scale, signal.shape)
        if values.size == 1:
            return signal.layer, float(values[0])
        unit = float(signal.scale.min()) / 2**OUTPUT_FINE
        multipliers, axis = compact(whole(signal.scale / unit), signal.shape)
        most = int(multipliers.max())
        extent = (min(0, signal.low * most), max(0, signal.high * most))
        scale = np.full((1,) * len(signal.shape), unit)
        arrays = {"multipliers": Integers(multipliers, axis)}
        common = self.add(f"{name} in one scale", "affine", [signal], scale, extent, signal.shape, arrays=arrays)
        return common.layer, unit


# (builder, node, module, what it reads) -> what it passes on
HardwareForm = Callable[[HardwareBuilder, fx.Node, Any, list[HardwareSignal]], HardwareSignal]

HARDWARE_FORMS: Registry[type[nn.Module], HardwareForm] = Registry("module type")
