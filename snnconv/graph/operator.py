"""The record of an operator: all that the package knows of it, stated once, where the operator is defined.

A record says how the operator is read from ONNX and written, how it behaves in time, what it costs, how spikes pass it,
and what its form in each other format is. Every field must be given; where there is nothing to say, `NoForm` says why.
The records themselves are in `snnconv.operators`, one file an operator. Whoever needs to know something of a module
asks `operator_of`, which raises for a module of no record.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from snnconv.errors import ModelError
from snnconv.graph.emission import EMITTERS, Emitter
from snnconv.graph.node import HANDLERS, Handler
from snnconv.graph.shapes import Shape, asked_shape
from snnconv.registry import Registry

__all__ = [
    "COMPOSED",
    "FORMATS",
    "FREE",
    "OPERATORS",
    "UNBOUNDED",
    "Arrival",
    "Bounds",
    "Composed",
    "Cost",
    "NeuronPlace",
    "NoForm",
    "Operator",
    "Time",
    "Work",
    "find_operator",
    "has_synapses",
    "moved",
    "operator_of",
    "output_shape",
    "register_composed",
    "register_operator",
    "time_of",
]

ShapeRule = Callable[[Any, Sequence[Shape]], Shape]  # (module, shapes of the operands) -> shape of the output
Route = Callable[[Any, Sequence[Tensor]], Tensor | None]  # (module, counts of all operands) -> counts of the output
FORMATS = ("hardware", "int8", "nir")  # whose forms every operator states; others register forms of their own
Bounds = tuple[float, float]  # lowest, highest
UNBOUNDED: Bounds = (-math.inf, math.inf)
FanOut = Callable[[Any, torch.Size], Tensor]  # (module, shape of its input) -> outputs that each position feeds


@dataclass(frozen=True)
class NoForm:
    """The statement that an operator or a neuron has no form somewhere.

    Attributes:
        reason: Clause that says why, as error messages and the documentation print it: "NIR has no maximum".
    """

    reason: str

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError("NoForm needs a reason: a reader of an error message meets it")


class Time(Enum):
    """How an operator behaves in those of its operands that change from time step to time step.

    Under mean coupling what is not affine is computed once, on the means over time; under differential coupling at
    every step, on the values so far.
    """

    AFFINE = "affine: the mean over time of its output is its output for the mean over time"
    FUNCTION = "a function that is not affine: computed once, on the means over time"
    PRODUCT = "a product of two signals that both change, linear in each: computed once, on their means over time"


class NeuronPlace(Enum):
    """How an operator stands to the neurons of a spiking network."""

    RECTIFIER = "neurons take its place"
    TRANSFER = "neurons are put behind it, and fire what it puts out"
    READ = "neurons are put where a linear operator or a product of signals reads it"
    NONE = "no neurons"


class Arrival(Enum):
    """How unit spikes are counted that an operator does not pass on as spikes."""

    SYNAPSES = "additions through weights, as many as the outputs that a position feeds"
    ADDED = "one addition for each position that a spike arrives at"
    SCALED = "spikes that stay spikes: one multiplication a unit and window, by a factor that does not change"
    VALUES = "the operator's work on real values"


class Work(NamedTuple):
    """Operations on real values."""

    macs: int
    additions: int


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Prices of an operator.

    Attributes:
        dense: Work on real values: `(module, elements of its first operand, elements that it gives)`.
        of_shapes: Work on real values where those numbers do not tell it: `(module, shapes of its operands, elements
            that it gives)`; it or `dense` must be given.
        arrival: Way in which spikes are counted that arrive and are not passed on; a function of the module where it
            depends.
        reads_weights: True where each multiply-accumulate reads a weight.
        fan_out: Outputs that each position of the input feeds; needed where spikes cross synapses.
        starts_with_read: True where the first value that goes into an output is read without an operation.
    """

    dense: Callable[[Any, int, int], Work] | None = None
    of_shapes: Callable[[Any, Sequence[Shape], int], Work] | None = None
    arrival: Arrival | Callable[[Any], Arrival]
    reads_weights: bool = False
    fan_out: FanOut | None = None
    starts_with_read: bool = False

    def __post_init__(self) -> None:
        if self.arrival is Arrival.SYNAPSES and self.fan_out is None:
            raise ValueError("spikes that cross synapses need a fan-out")
        if (self.dense is None) == (self.of_shapes is None):
            raise ValueError("the work is told by dense or by of_shapes, by one of them")

    def work(self, module: nn.Module, shapes: Sequence[Shape], outputs: int) -> Work:
        """Return the work on real values.

        Args:
            module: Module of the operator.
            shapes: Shapes of its operands.
            outputs: Number of elements that it gives.
        """
        if self.of_shapes is not None:
            return self.of_shapes(module, shapes, outputs)
        assert self.dense is not None
        return self.dense(module, math.prod(shapes[0]), outputs)

    def arrival_at(self, module: nn.Module) -> Arrival:
        """Return how spikes that arrive at a module are counted."""
        return self.arrival if isinstance(self.arrival, Arrival) else self.arrival(module)


def moved(module: Any, counts: Sequence[Tensor]) -> Tensor:
    """Return the counts of spikes that a module moves, whose values it does not change: the route of such modules."""
    result: Tensor = module(*counts)
    return result


FREE = Cost(dense=lambda module, inputs, outputs: Work(0, 0), arrival=Arrival.VALUES)  # it moves values, no more


@dataclass(frozen=True, kw_only=True)
class Operator:
    """All that the package knows of one operator.

    Attributes:
        modules: Classes of the modules that stand for it in a graph.
        reads: Readers of ONNX nodes, by domain and name.
        write: Writer of its ONNX node.
        time: Behaviour in time; a function of the module and, for each operand, whether it changes from step to step,
            where it depends on those.
        activation: Relation to neurons; a function of the module where it depends.
        of_steps: True where neurons that follow it and do not wait for their window receive it of each step's current.
        cost: Prices of its work.
        routes: Counts of unit spikes in its output, of those in its operands; None where the output is not made of
            spikes.
        shape: Shape of its output; None: torch tells it.
        forms: Forms in other formats, by the name of the format: what the lowering of the format takes, or NoForm.
        bounds: Lowest and highest value that it can put out; a function of the module where they depend on it.
    """

    modules: tuple[type[nn.Module], ...]
    reads: Mapping[tuple[str, str], Handler]
    write: Emitter | NoForm
    time: Time | Callable[[Any, Sequence[bool]], Time]
    activation: NeuronPlace | Callable[[Any], NeuronPlace]
    of_steps: bool
    cost: Cost | NoForm
    routes: Route | NoForm
    shape: ShapeRule | None
    forms: Mapping[str, Any]
    bounds: Bounds | Callable[[Any], Bounds] = UNBOUNDED

    def __post_init__(self) -> None:
        missing = [name for name in FORMATS if name not in self.forms]
        if missing:
            raise TypeError(f"{self.name} states no form in {', '.join(missing)}: give one, or NoForm with the reason")

    @property
    def name(self) -> str:
        """Return the name of its first class."""
        return self.modules[0].__name__

    def activation_of(self, module: nn.Module) -> NeuronPlace:
        """Return how a module stands to neurons."""
        return self.activation if isinstance(self.activation, NeuronPlace) else self.activation(module)

    def bounds_of(self, module: nn.Module) -> Bounds:
        """Return the lowest and the highest value that a module can put out."""
        return self.bounds if isinstance(self.bounds, tuple) else self.bounds(module)


@dataclass(frozen=True, kw_only=True)
class Composed:
    """An ONNX operator that is read as modules of other operators, and has no module of its own.

    Attributes:
        reads: Readers of ONNX nodes, by domain and name.
        made_of: Classes of the modules that it becomes; none where it does nothing at inference.
    """

    reads: Mapping[tuple[str, str], Handler]
    made_of: tuple[type[nn.Module], ...]


OPERATORS: Registry[type[nn.Module], Operator] = Registry("operator of the module")
COMPOSED: Registry[tuple[str, str], Composed] = Registry("composed operator")


def register_operator(operator: Operator) -> Operator:
    """File an operator under its modules, its readers under the ONNX names, its writer for the exporter.

    Raises:
        ValueError: One of them is registered already.
    """
    OPERATORS.register(*operator.modules)(operator)
    _register_readers(operator.reads)
    if not isinstance(operator.write, NoForm):
        EMITTERS.register(*operator.modules)(operator.write)
    return operator


def register_composed(operator: Composed) -> Composed:
    """File an operator that is read as modules of others.

    Raises:
        ValueError: It is registered already.
    """
    COMPOSED.register(*operator.reads)(operator)
    _register_readers(operator.reads)
    return operator


def _register_readers(reads: Mapping[tuple[str, str], Handler]) -> None:
    for key, reader in reads.items():
        HANDLERS.register(key)(reader)


def find_operator(module: nn.Module) -> Operator | None:
    """Return the record of a module's class or of the nearest class that it derives from; None where there is none."""
    for kind in type(module).__mro__:
        if (operator := OPERATORS.get(kind)) is not None:
            return operator
    return None


def operator_of(module: nn.Module) -> Operator:
    """Return the record of a module.

    Raises:
        ModelError: There is none.
    """
    operator = find_operator(module)
    if operator is None:
        raise ModelError(
            f"Nothing is known of modules of the class {type(module).__name__}: how they behave in time, or what they "
            "cost. Register an Operator that has them among its modules (snnconv.graph.operator.register_operator)."
        )
    return operator


def has_synapses(module: nn.Module) -> bool:
    """Return whether spikes that arrive at a module cross weights; neurons have no record, and no weights."""
    operator = find_operator(module)
    return operator is not None and isinstance(operator.cost, Cost) and operator.cost.fan_out is not None


def time_of(module: nn.Module, changing: Sequence[bool]) -> Time:
    """Return how a module behaves in time.

    Args:
        module: Module of an operator.
        changing: Truth of each operand's changing from time step to time step.

    Raises:
        ModelError: There is no record of the module.
    """
    time = operator_of(module).time
    return time if isinstance(time, Time) else time(module, changing)


def output_shape(module: nn.Module, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of what a module makes of inputs of these shapes.

    Raises:
        ValueError: The shapes do not fit the module; torch raises RuntimeError, IndexError or TypeError.
    """
    operator = OPERATORS.get(type(module))
    rule = None if operator is None else operator.shape
    return (rule or asked_shape)(module, shapes)
