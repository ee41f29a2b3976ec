"""How the reference runs each operator of graph.json: the layer with its settings and arrays, and what it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnconv.formats.hardware import operators
from snnconv.formats.hardware.operators import Array, spread
from snnconv.registry import Registry

__all__ = ["LAYER_OPERATORS", "LayerOperator", "RunningLayer"]


@dataclass(frozen=True)
class RunningLayer:
    """One layer while the network runs.

    Attributes:
        described: The layer as graph.json describes it.
        position: Its position among the layers.
        arrays: Arrays of all layers, by the names of their files.
        potentials: Potentials of all layers of neurons, by position; neurons change what is theirs.
    """

    described: Mapping[str, Any]
    position: int
    arrays: Mapping[str, Array]
    potentials: MutableMapping[int, Array]

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


# (layer, integers that it reads, `[B, ...]`) -> integers that it passes on, `[B, ...]`
LayerOperator = Callable[[RunningLayer, list[Array]], Array]

LAYER_OPERATORS: Registry[str, LayerOperator] = Registry("operator of a hardware folder")


@LAYER_OPERATORS.register("input")
def _input(layer: RunningLayer, inputs: list[Array]) -> Array:
    return np.asarray(inputs[0].astype(np.int64) - layer.array("zero"))


@LAYER_OPERATORS.register("convolution")
def _convolution(layer: RunningLayer, inputs: list[Array]) -> Array:
    sums = operators.convolve(inputs[0], layer.weights, layer.settings)
    return (sums << int(layer.settings["shift"])) + layer.array("biases")


@LAYER_OPERATORS.register("linear")
def _linear(layer: RunningLayer, inputs: list[Array]) -> Array:
    sums = operators.multiply(inputs[0], layer.weights)
    return (sums << int(layer.settings["shift"])) + layer.array("biases")


@LAYER_OPERATORS.register("neurons")
def _neurons(layer: RunningLayer, inputs: list[Array]) -> Array:
    before = layer.potentials.get(layer.position)
    if before is None:
        before = np.broadcast_to(layer.array("initial"), inputs[0].shape)
    thresholds, offsets = layer.array("thresholds"), layer.optional("offsets")
    fired, layer.potentials[layer.position] = operators.fire(before, inputs[0], thresholds, offsets, layer.settings)
    return fired


@LAYER_OPERATORS.register("add")
def _add(layer: RunningLayer, inputs: list[Array]) -> Array:
    return np.asarray(inputs[0] * layer.array("multipliers0") + inputs[1] * layer.array("multipliers1"))


@LAYER_OPERATORS.register("affine")
def _affine(layer: RunningLayer, inputs: list[Array]) -> Array:
    return operators.affine(inputs[0], layer.optional("multipliers"), layer.optional("constants"))


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
