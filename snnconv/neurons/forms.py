"""Forms that a kind of neuron can have: plain data, and functions that write into an ONNX graph.

Each is what a format or a verb further up needs to know of a layer, in the neuron's own terms. The formats turn it
into files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from snnconv.graph.emission import Emission, Emitter
from snnconv.graph.node import Handler
from snnconv.graph.operator import NoForm
from snnconv.neurons.spike_counts import SpikeCounts

if TYPE_CHECKING:
    from snnconv.neurons.catalogue import NeuronSettings
    from snnconv.neurons.coupling import Coupling
    from snnconv.neurons.site import SpikingSite

__all__ = [
    "IntegerMessages",
    "IntegerNeurons",
    "IntegerSums",
    "LevelRule",
    "NamedNeuron",
    "NeuronNames",
    "NoForm",
    "OnnxForm",
    "PointNeurons",
    "SpikeForm",
    "SpikingForm",
    "StartForm",
    "StepForm",
    "Supported",
    "Telling",
    "Update",
]

Array = NDArray[np.float64]
Shape = tuple[int, ...]
# (site, step from 1, value so far `[B, ...]`, what the readers know before the step) -> what they know after it
Telling = Callable[[Any, int, Array, Array], Array]


@dataclass(frozen=True)
class Supported:
    """The presence of a capability that needs nothing but the neuron's own module."""


@dataclass(frozen=True)
class NamedNeuron:
    """The neuron that a name of `--neuron` stands for.

    Attributes:
        description: The neuron in the field's terms.
        levels: Default of L.
        ceiling: λ of a network trained from scratch, given L.
        norm_threshold: Scale of the batch-norms before it (tdBN), given λ and L.
        options: Options of `NeuronSettings` that it has beside T, L and ceiling.
        build: Function that makes a layer of the settings, λ, whether levels are signed, and the channels' axis.
        decay: Default of the share of the potential that is left after a step.
    """

    description: str
    levels: int
    ceiling: Callable[[int], float]
    norm_threshold: Callable[[float, int], float]
    options: frozenset[str]
    build: Callable[[NeuronSettings, Tensor, bool, int], SpikingSite]
    decay: float = 1.0


@dataclass(frozen=True)
class NeuronNames:
    """The names of a kind.

    Attributes:
        neurons: Neurons by name, as `--neuron` takes it.
        name_of: Function that returns the name of a layer.
    """

    neurons: Mapping[str, NamedNeuron]
    name_of: Callable[[Any], str]


@dataclass(frozen=True)
class OnnxForm:
    """ONNX functions of a kind.

    Attributes:
        texts: Definitions of the functions, in ONNX's text format, without their header.
        read: Handler of the calls of any of them.
        emit: Emitter of a layer as a call.
    """

    texts: tuple[str, ...]
    read: Handler
    emit: Emitter

    @property
    def functions(self) -> tuple[str, ...]:
        """Names of the functions."""
        return tuple(text.split(maxsplit=1)[0] for text in self.texts)


def _no_potential(_: Any) -> float:
    return 0.0


def _shape_of_sample(_: Any, shape: Shape) -> Shape:
    return shape


@dataclass(frozen=True)
class StepForm:
    """One time step in standard ONNX operators: current and state in, spikes and state out.

    Attributes:
        emit: Function of the site, the emission and the names of current, state and layer that writes the step, and
            returns the names of the spikes and of the new state.
        initial: Function that returns the state at the start, in the state's own units: a number, or one a channel.
        shape: Function that returns the shape of the state, given the site and the shape of a sample.
    """

    emit: Callable[[Any, Emission, str, str, str], tuple[str, str]]
    initial: Callable[[Any], float | tuple[float, ...]] = _no_potential
    shape: Callable[[Any, Shape], Shape] = _shape_of_sample


@dataclass(frozen=True)
class IntegerNeurons:
    """A layer as integers hold it.

    Attributes:
        levels: Highest level of one run.
        initial: v_0 in units of θ, `[]` or `[C]`; None for neurons that fire strictly above k - 1/2 and start at 0.
        reset: `soft` or `hard`.
        decay: Share of the potential that is left after a step, 1 without a leak.
    """

    levels: int
    initial: Tensor | None
    reset: str = "soft"
    decay: float = 1.0

    @property
    def share(self) -> float:
        """Worth of the integer 1 in units of λ."""
        return 1 / self.levels


@dataclass(frozen=True)
class IntegerMessages:
    """A layer that tells powers of two, as integers hold it; λ is the largest of them.

    Attributes:
        octaves: K, the number of sizes of a message; the integer 1 stands for the smallest.
        dead_zone: Least magnitude that is told, in units of the smallest message.
        cap: Value at which the activation saturates, `[]` or `[C]`; infinity where it does not.
        initial: Sum of messages that the readers know before the first step, in integers, `[]` or `[C]`.
    """

    octaves: int
    dead_zone: float
    cap: Tensor
    initial: Tensor

    @property
    def share(self) -> float:
        """Worth of the integer 1 in units of λ."""
        return 2.0 ** (1 - self.octaves)


@dataclass(frozen=True)
class IntegerSums:
    """A layer that fires levels and takes them back, as integers hold it.

    Attributes:
        levels: L, the most levels that one step fires, or takes back.
        total_levels: N, the highest sum of levels.
        timesteps: T, over which λ is the mean.
    """

    levels: int
    total_levels: int
    timesteps: int

    @property
    def share(self) -> float:
        """Worth of the integer 1 in units of λ."""
        return self.timesteps / self.total_levels


@dataclass(frozen=True)
class PointNeurons:
    """A layer of one level in NIR's terms, in units of the current; every array has the shape of one sample.

    Attributes:
        threshold: θ; a neuron fires strictly above it.
        worth: What a spike is worth, `[]` or `[C]`.
        decay: Share of the potential that is left after a step.
        leak_to: v_leak.
        initial: v_0.
        reset_to: v_reset of a hard reset; None where θ is taken away.
        gain: Factor of the current, `[]` or `[C]`.
    """

    threshold: Array
    worth: Array
    decay: Array
    leak_to: Array
    initial: Array
    reset_to: Array | None
    gain: Array = field(default_factory=lambda: np.ones(()))


def _total_levels(site: Any) -> int:
    total: int = site.total_levels
    return total


@dataclass(frozen=True)
class SpikeForm:
    """Spikes that the output of a layer stands for.

    Attributes:
        count: Function of a layer, its output `[T*B, ...]` (of a quantized activation `[B, ...]`) and T that returns
            the spikes of each neuron over the window.
        most: Function that returns the most unit spikes of one neuron in its window; N where levels fire.
    """

    count: Callable[[Any, Tensor, int], SpikeCounts]
    most: Callable[[Any], int] = _total_levels


@dataclass(frozen=True)
class SpikingForm:
    """The neurons that a quantized activation becomes.

    Attributes:
        neurons: Their name in reports.
        build: Function of the activation, T, L and a coupling that makes a layer of them.
    """

    neurons: str
    build: Callable[[Any, int, int, Coupling], SpikingSite]


@dataclass(frozen=True)
class StartForm:
    """Initial potentials that calibration may choose, of neurons that see the steps one by one.

    Attributes:
        initial: Function that returns v_0 of a layer in units of θ, `[]` or `[C]`.
        run: Function of currents `[T, C, M]`, θ, L, v_0 `[C, 1]` and whether levels are signed that returns the output
            currents `[T, C, M]`.
        moved: Function of a layer, v_0 and the axis of its channels that makes the same layer with this v_0.
    """

    initial: Callable[[Any], Tensor]
    run: Callable[[Tensor, Tensor, int, Tensor, bool], Tensor]
    moved: Callable[[Any, Tensor, int], SpikingSite]


@dataclass(frozen=True)
class LevelRule:
    """How a site fires levels where what it receives is added up in units of θ.

    Attributes:
        initial: Function that returns v_0 in units of θ, `[]` or `[C]`, of neurons that integrate without a leak, fire
            at the threshold and reset by subtraction; None for others, which their own module runs at θ = 1.
    """

    initial: Callable[[Any], Tensor] | None = None


@dataclass(frozen=True)
class Update:
    """The cost of one update of one neuron.

    Attributes:
        additions: Additions and comparisons.
        multiplications: Multiplications by the leak and the coupling.
        reads: Words of state: each membrane, and where the neuron waits for its window the currents it received.
        writes: Words of state.
    """

    additions: int
    multiplications: int
    reads: int
    writes: int
