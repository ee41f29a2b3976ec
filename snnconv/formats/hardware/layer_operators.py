"""How the reference runs each operator of graph.json: the layer with its settings and arrays, and what it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnconv.formats.hardware import operators
from snnconv.formats.hardware.operators import Array, spread
from snnconv.neurons.code import Code
from snnconv.registry import Registry

__all__ = ["LAYER_OPERATORS", "LayerOperator", "RunningLayer"]


@dataclass(frozen=True)
class RunningLayer:
    """One layer while the network runs.

    Attributes:
        described: The layer as graph.json describes it.
        position: Its position among the layers.
        arrays: Arrays of all layers, by the names of their files.
        memory: Integers that layers hold from pass to pass, by position; each layer changes what is its own.
        step: Number of passes before this one.
        code: Code of the network's messages: "power-of-two" or "uniform"; None where its neurons only fire.
    """

    described: Mapping[str, Any]
    position: int
    arrays: Mapping[str, Array]
    memory: MutableMapping[int, tuple[Array, ...]]
    step: int = 0
    code: str | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """Return the settings of the operator."""
        return dict(self.described["attributes"])

    @property
    def weights(self) -> Array:
        """Return the weights."""
        return self.arrays[self.described["arrays"]["weights"]["file"]]

    def optional(self, name: str) -> Array | None:
        """Return an array, to broadcast over a sample; None where the layer has none of this name."""
        if name not in self.described["arrays"]:
            return None
        array = self.described["arrays"][name]
        return spread(self.arrays[array["file"]], array["axis"], len(self.described["shape"]))

    def array(self, name: str) -> Array:
        """Return an array, to broadcast over a sample.

        Raises:
            KeyError: The layer has none of this name.
        """
        values = self.optional(name)
        if values is None:
            raise KeyError(name)
        return values

    @property
    def arrivals(self) -> int:
        """Return how often the input and constants are in the values of this pass: in sums of currents once a step."""
        return self.step + 1 if self.code == UNIFORM else 1

    def held(self, initial: Array, x: Array) -> Array:
        """Return what neurons hold before this pass, of the shape of their input; before the first pass `initial`."""
        before: Array = self.memory.get(self.position, (initial,))[0]
        return np.broadcast_to(before, x.shape)

    def accumulated(self, x: Array, product: Callable[[Array], Array]) -> Array:
        """Return the sums of weights times x, and biases, `[B, ...]`.

        Under differential coupling accumulators hold them: they begin at the biases, and take weights times what
        changed in x. Sums of integers are exact, so that these are weights times x, in whatever order messages come.

        Args:
            x: What the layer reads, `[B, ...]`.
            product: Function that multiplies integers `[B, ...]` by the weights.
        """
        shift, biases = int(self.settings["shift"]), self.array("biases")
        if self.code is None:
            return (product(x) << shift) + biases
        before, sums = self.memory.get(self.position, (np.zeros_like(x), biases))
        change = x - before
        if self.step == 0 or change.any():
            sums = sums + (product(change) << shift)
        if self.step and self.code == UNIFORM:
            sums = sums + biases
        self.memory[self.position] = (x, sums)
        return sums


# (layer, integers that it reads, `[B, ...]`) -> integers that it passes on, `[B, ...]`
LayerOperator = Callable[[RunningLayer, list[Array]], Array]

UNIFORM = Code.UNIFORM.value
LAYER_OPERATORS: Registry[str, LayerOperator] = Registry("operator of a hardware folder")


@LAYER_OPERATORS.register("input")
def _input(layer: RunningLayer, inputs: list[Array]) -> Array:
    return np.asarray(inputs[0].astype(np.int64) - layer.array("zero")) * layer.arrivals


@LAYER_OPERATORS.register("convolution")
def _convolution(layer: RunningLayer, inputs: list[Array]) -> Array:
    return layer.accumulated(inputs[0], lambda x: operators.convolve(x, layer.weights, layer.settings))


@LAYER_OPERATORS.register("linear")
def _linear(layer: RunningLayer, inputs: list[Array]) -> Array:
    return layer.accumulated(inputs[0], lambda x: operators.multiply(x, layer.weights))


@LAYER_OPERATORS.register("neurons")
def _neurons(layer: RunningLayer, inputs: list[Array]) -> Array:
    before = layer.held(layer.array("initial"), inputs[0])
    thresholds, offsets = layer.array("thresholds"), layer.optional("offsets")
    fired, left = operators.fire(before, inputs[0], thresholds, offsets, layer.settings)
    layer.memory[layer.position] = (left,)
    return fired


@LAYER_OPERATORS.register("sigma_delta")
def _sigma_delta(layer: RunningLayer, inputs: list[Array]) -> Array:
    before = layer.held(layer.array("initial"), inputs[0])
    limits = operators.Limits(layer.array("thresholds"), layer.array("least"), layer.optional("caps"))
    after = before + operators.message(before, inputs[0], limits, layer.settings)
    layer.memory[layer.position] = (after,)
    return after


@LAYER_OPERATORS.register("bipolar")
def _bipolar(layer: RunningLayer, inputs: list[Array]) -> Array:
    before = layer.held(np.zeros((), np.int64), inputs[0])
    after = before + operators.fire_back(before, inputs[0], layer.array("thresholds"), layer.settings)
    layer.memory[layer.position] = (after,)
    return after


@LAYER_OPERATORS.register("add")
def _add(layer: RunningLayer, inputs: list[Array]) -> Array:
    return np.asarray(inputs[0] * layer.array("multipliers0") + inputs[1] * layer.array("multipliers1"))


@LAYER_OPERATORS.register("affine")
def _affine(layer: RunningLayer, inputs: list[Array]) -> Array:
    constants = layer.optional("constants")
    total = None if constants is None else constants * layer.arrivals
    return operators.affine(inputs[0], layer.optional("multipliers"), total)


@LAYER_OPERATORS.register("sum")
def _sum(layer: RunningLayer, inputs: list[Array]) -> Array:
    axes = tuple(axis + 1 for axis in layer.settings["axes"])
    return np.asarray(inputs[0].sum(axes, dtype=np.int64)).reshape(len(inputs[0]), *layer.described["shape"])


@LAYER_OPERATORS.register("sum_pool")
def _sum_pool(layer: RunningLayer, inputs: list[Array]) -> Array:
    return operators.sum_pool(inputs[0], layer.settings)


@LAYER_OPERATORS.register("max_pool")
def _max_pool(layer: RunningLayer, inputs: list[Array]) -> Array:
    return operators.max_pool(inputs[0], layer.settings)


@LAYER_OPERATORS.register("reshape")
def _reshape(layer: RunningLayer, inputs: list[Array]) -> Array:
    return inputs[0].reshape(len(inputs[0]), *layer.settings["shape"])


@LAYER_OPERATORS.register("transpose")
def _transpose(layer: RunningLayer, inputs: list[Array]) -> Array:
    return inputs[0].transpose(0, *(axis + 1 for axis in layer.settings["order"]))


@LAYER_OPERATORS.register("concat")
def _concat(layer: RunningLayer, inputs: list[Array]) -> Array:
    return np.concatenate(inputs, layer.settings["axis"] + 1)


@LAYER_OPERATORS.register("slice")
def _slice(layer: RunningLayer, inputs: list[Array]) -> Array:
    return inputs[0][(slice(None), *(slice(*bounds) for bounds in layer.settings["starts_stops_steps"]))]


@LAYER_OPERATORS.register("pad")
def _pad(layer: RunningLayer, inputs: list[Array]) -> Array:
    pads = layer.settings["pads"]
    padded = len(pads) // 2
    around = [(0, 0)] * (inputs[0].ndim - padded) + [(pads[at], pads[at + padded]) for at in range(padded)]
    return np.pad(inputs[0], around)
