"""A NIR graph -> a spiking Model: nodes in order, edges into one node summed, time let in before the first neurons."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import numpy as np
from torch import nn

from snnconv.errors import FileError, InvalidValueError, ModelError
from snnconv.formats.nir.firing import NEURONS, RESET, Stepping, neurons_of
from snnconv.formats.nir.flat import FlatGraph, flatten
from snnconv.formats.nir.hdf5 import Array, NirNode, read_tree
from snnconv.formats.nir.loops import without_loops
from snnconv.formats.nir.nodes import LAYERS
from snnconv.formats.nir.settings import RESETS, NirReading
from snnconv.graph.building import GraphBuilder
from snnconv.graph.lowering import Refusals
from snnconv.graph.modules import Arithmetic
from snnconv.graph.node import Activation, Refusal
from snnconv.model import SNN, InputSpec, Model
from snnconv.neurons import Fold, Repeat, Steps, TimeMean

__all__ = ["METADATA_KEY", "read_network"]

METADATA_KEY = "snnconv"  # of a JSON text in the graph's metadata: what we write ourselves


def read_network(data: bytes, path: Path, reading: NirReading) -> Model:
    """Read a network of integrate-and-fire neurons.

    Args:
        data: Bytes of the file.
        path: Name of the file, for messages.
        reading: Choices that the file leaves open.

    Returns:
        A causally coupled SNN of one level a step, whose spikes are worth 1.

    Raises:
        FileError: The file is damaged, or refers to other files.
        UnsupportedOperatorsError: Some nodes are not read; all of them are listed.
        ModelError: The graph has no neurons, several inputs, no outputs, or a cycle.
        InvalidValueError: T is neither stated nor given.
    """
    tree = read_tree(data, path)
    stated = _stated(tree.metadata, path)
    graph = without_loops(flatten(tree, path), reading.dt or stated.dt)
    _refuse_unknown(graph, path)
    timesteps = reading.timesteps or stated.timesteps
    if timesteps is None:
        raise InvalidValueError(
            f"{path} does not state for how many time steps a sample is run, as no NIR file does: give --timesteps N "
            "to evaluate or inspect; for other verbs load it in Python, load(..., nir=NirReading(timesteps=N)), and "
            "save it as ONNX."
        )
    still = stated.still if reading.still is None else reading.still
    word = tree.metadata.get(RESET, "zero")
    otherwise = word if isinstance(word, str) and word in RESETS else "zero"
    stepping = Stepping(timesteps, reading.reset, otherwise, reading.dt or stated.dt)
    spec = _input_spec(graph, stated, reading, timesteps, still, path)
    return _Assembly(graph, stepping, spec, path).model()


@dataclass(frozen=True)
class _Stated:
    """The statements of a file of ours about itself."""

    timesteps: int | None = None
    still: bool = False
    dt: float | None = None
    input: InputSpec | None = None


def _stated(metadata: Mapping[str, Array | str], path: Path) -> _Stated:
    text = metadata.get(METADATA_KEY)
    if text is None:
        return _Stated()
    try:
        values = json.loads(text if isinstance(text, str) else "")
        checked = NirReading(timesteps=values.get("timesteps"), dt=values.get("dt"))
        spec = None if values.get("input") is None else InputSpec.from_dict(values["input"])
        return _Stated(checked.timesteps, bool(values.get("still", False)), checked.dt, spec)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise FileError(f"{path}: its own {METADATA_KEY} metadata is damaged: {str(error).rstrip('.')}.") from error


def _refuse_unknown(graph: FlatGraph, path: Path) -> None:
    refusals = Refusals(f"{path} holds NIR nodes that are not read")
    for name, node in graph.nodes.items():
        if node.kind not in LAYERS and node.kind not in NEURONS:
            kinds = ", ".join((*NEURONS, *sorted(LAYERS)))
            refusals.add(name, node.kind, f"{node.kind} is not read; read are {kinds}")
    refusals.raise_all()


def _input_spec(
    graph: FlatGraph, stated: _Stated, reading: NirReading, timesteps: int, still: bool, path: Path
) -> InputSpec:
    shape = graph.input_shape
    frames = None if still else timesteps
    step_us = None if still else reading.step_us()
    if len(shape) == 1:
        spec = InputSpec(shape[0], None, None, layout="NC", timesteps=frames)
    elif len(shape) == 3:
        spec = InputSpec(*shape, timesteps=frames, step_us=step_us)
    else:
        raise ModelError(f"{path} takes inputs of shape {list(shape)}: [C, H, W] and [features] are read.")
    ours = stated.input
    if ours is None:
        return spec
    if ours.sample_shape() != shape:
        raise FileError(
            f"{path}: its own {METADATA_KEY} metadata is damaged: it states inputs {list(ours.sample_shape())}, the "
            f"network takes {list(shape)}."
        )
    return InputSpec(
        ours.channels,
        ours.height,
        ours.width,
        ours.layout,
        ours.mean,
        ours.std,
        ours.resize,
        ours.classes,
        frames,
        ours.step_us if step_us is None else step_us,
    )


@dataclass(frozen=True)
class _ReadSignal:
    """The output of a node; `steps` where it changes from step to step, `[T*B, ...]`, else `[B, ...]`."""

    activation: Activation
    steps: bool

    @property
    def shape(self) -> tuple[int, ...]:
        return self.activation.shapes[0][1:]


class _Assembly:
    """Builds the graph of modules, node by node."""

    def __init__(self, graph: FlatGraph, stepping: Stepping, spec: InputSpec, path: Path) -> None:
        self.graph, self.stepping, self.spec, self.path = graph, stepping, spec, path
        self.builder = GraphBuilder()
        self.signals: dict[str, _ReadSignal] = {}
        self.repeated: dict[str, _ReadSignal] = {}

    def model(self) -> Model:
        """Return the whole network."""
        pixels = self.builder.input(self.graph.input, self.graph.input_shape, self.spec.timesteps)
        source = _ReadSignal(pixels, False)
        if self.spec.timesteps is not None:
            folded = self.builder.call(f"{self.graph.input}_folded", Fold(self.stepping.timesteps), (pixels,))
            source = _ReadSignal(folded, True)
        self.signals[self.graph.input] = source
        refusals = Refusals(f"{self.path} holds a NIR node that cannot be read")
        for name in self._order():
            try:
                self.signals[name] = self._node(name, self.graph.nodes[name])
            except Refusal as refusal:
                refusals.add(name, self.graph.nodes[name].kind, refusal)
                break  # what follows has no input
        refusals.raise_all()
        if not any(node.kind in NEURONS for node in self.graph.nodes.values()):
            raise ModelError(f"{self.path} has no neurons ({', '.join(NEURONS)}): there is nothing that spikes.")
        return self._read_out()

    def _order(self) -> list[str]:
        predecessors = {name: self.graph.sources(name) for name in self.graph.nodes}
        try:
            order = list(TopologicalSorter(predecessors).static_order())
        except CycleError as error:
            around = " -> ".join(repr(name) for name in error.args[1])
            raise ModelError(
                f"{self.path} has a cycle, {around}: recurrent networks are not read, other than the loops of an exact "
                "reset as `snnconv export --to nir --exact-reset` writes them."
            ) from error
        reached = self._reached()
        return [name for name in order if name in reached and name != self.graph.input]

    def _reached(self) -> set[str]:
        """Return the nodes on a way from the input; others would have nothing to compute with."""
        reached, edge = {self.graph.input}, [self.graph.input]
        while edge:
            for target in self.graph.targets(edge.pop()):
                if target not in reached:
                    reached.add(target)
                    edge.append(target)
        return reached

    def _node(self, name: str, node: NirNode) -> _ReadSignal:
        signal = self._sum(
            name, [self.signals[source] for source in self.graph.sources(name) if source in self.signals]
        )
        if node.kind in NEURONS:
            modules = neurons_of(node, signal.shape, self.stepping)
            signal = self._apply(name, signal, modules[:-1])
            if not signal.steps:
                signal = self._repeat(signal, name)
            return self._apply(name, signal, modules[-1:])
        if node.kind == "Flatten" and self._feeds_features(name, math.prod(signal.shape)):
            return self._apply(name, signal, [nn.Flatten(1)])
        return self._apply(name, signal, LAYERS[node.kind](node, signal.shape))

    def _feeds_features(self, name: str, features: int) -> bool:
        """Return whether the next node takes all values in a row: some tools count the batch among a Flatten's axes."""
        following = [self.graph.nodes[target] for target in self.graph.targets(name)]
        weights = [node.values.get("weight") for node in following if node.kind in ("Affine", "Linear")]
        return bool(weights) and all(isinstance(w, np.ndarray) and w.shape[-1] == features for w in weights)

    def _apply(self, name: str, signal: _ReadSignal, modules: list[nn.Module]) -> _ReadSignal:
        activation = signal.activation
        for module in modules:
            activation = self.builder.call(name, module, (activation,))
        return _ReadSignal(activation, signal.steps)

    def _repeat(self, signal: _ReadSignal, name: str) -> _ReadSignal:
        key = signal.activation.node.name
        if key not in self.repeated:
            activation = self.builder.call(f"{name}_repeated", Repeat(self.stepping.timesteps), (signal.activation,))
            self.repeated[key] = _ReadSignal(activation, True)
        return self.repeated[key]

    def _sum(self, name: str, signals: list[_ReadSignal]) -> _ReadSignal:
        """Add up the edges into one node."""
        if any(signal.steps for signal in signals):
            signals = [signal if signal.steps else self._repeat(signal, name) for signal in signals]
        total = signals[0]
        for signal in signals[1:]:
            if signal.shape != total.shape:
                raise Refusal(f"it is given {list(total.shape)} and {list(signal.shape)}, which do not add up")
            added = self.builder.call(f"{name}_sum", Arithmetic("add"), (total.activation, signal.activation))
            total = _ReadSignal(added, total.steps)
        return total

    def _read_out(self) -> Model:
        names = [name for name in self.graph.outputs if name in self.signals]
        if not names:
            raise ModelError(f"{self.path}: no output of the network depends on its input.")
        means, steps = [], []
        for name in names:
            signal = self.signals[name]
            signal = signal if signal.steps else self._repeat(signal, name)
            means.append(self.builder.call(f"{name}_mean", TimeMean(self.stepping.timesteps), (signal.activation,)))
            steps.append(self.builder.call(f"{name}_steps", Steps(self.stepping.timesteps), (signal.activation,)))
        return SNN(self.builder.finish([*means, *steps]), self.spec, tuple(names))
