"""The one artifact that every verb takes and returns: a graph with its stage, input and provenance."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self, TypeVar, overload

import torch
from torch import Tensor, fx

from snnconv.errors import InvalidValueError
from snnconv.inputspec import InputSpec
from snnconv.neurons import Code, Coupling, QuantizedSite, SpikingSite, Steps

__all__ = ["ANN", "SNN", "InputSpec", "Model", "QuantizedANN", "Stage", "class_count", "rows_of", "stage_of", "typed"]

M = TypeVar("M", bound="Model")


class Stage(StrEnum):
    """How far a network has come."""

    ANN = "ann"
    QUANTIZED = "quantized"
    SNN = "snn"


def rows_of(output: Tensor) -> Tensor:
    """Return an output `[B, ...]` as one row of numbers for each member of the batch, `[B, M]`.

    >>> rows_of(torch.zeros(8)).shape, rows_of(torch.zeros(8, 5, 2)).shape
    (torch.Size([8, 1]), torch.Size([8, 10]))
    """
    return output.unsqueeze(-1).flatten(1)


def class_count(shape: Sequence[int]) -> int | None:
    """Return the number of classes that an output names, of the axes of one sample; None: it names none.

    Classes are one axis of two numbers or more, `[B, K]`, and axes of one number may follow it. Classes at each
    position, `[B, K, length]` or `[B, length, K]`, are none: no axis says of itself that it holds classes.

    >>> [class_count(shape) for shape in ((10,), (10, 1, 1), (1,), (1, 3000), (3000, 3), (85, 22, 22))]
    [10, 10, None, None, None, None]
    """
    return shape[0] if shape and shape[0] >= 2 and math.prod(shape) == shape[0] else None


@dataclass
class Model:
    """A network at one stage of the road from ANN to SNN: an `ANN`, a `QuantizedANN` or an `SNN`.

    The sites of the graph tell the stage, and what belongs to it: T, L and coupling are read from them.

    Attributes:
        graph: Modules called one by one; `placeholder`, `call_module` and `output` nodes only. A node's
            `meta["shape"]` is that of one sample and one time step, without the axes of both; so is the placeholder's.
        input: Shape and normalisation of one input.
        outputs: Names of the outputs.
        provenance: Source of the network and the steps taken since, JSON-ready.
        report: The `snnconv.convert.ConversionReport` of the conversion that made it; None for any other model.
    """

    graph: fx.GraphModule
    input: InputSpec
    outputs: tuple[str, ...]
    provenance: dict[str, Any] = field(default_factory=dict)
    report: Any = None

    @property
    def stage(self) -> Stage:
        """Stage that the sites of the graph show."""
        return stage_of(self.graph)

    @property
    def timesteps(self) -> int | None:
        """T of an SNN, else None."""
        return None

    @property
    def levels(self) -> int | None:
        """L, firing levels per step of an SNN, the most of any site; else None."""
        return None

    @property
    def coupling(self) -> Coupling | None:
        """Coupling of an SNN's sites, else None."""
        return None

    @property
    def code(self) -> Code | None:
        """Code of the messages of an SNN of differential coupling, else None."""
        return None

    @property
    def octaves(self) -> int | None:
        """K, sizes of a message, the most of any site, where the code is power-of-two; else None."""
        return None

    @torch.inference_mode()
    def __call__(self, x: Tensor | Mapping[str, Tensor]) -> Any:
        """Run on a batch `[B, *input.sample_shape()]`, already normalised.

        An SNN whose input changes over time takes `input.batch_shape(B)`, that is `[T, B, *input.sample_shape()]`. A
        network of named inputs takes tensors `[B, *shape]` by name, of any type of number; the tensor of its only
        input; or rows `[B, F]`, as `input.packed` makes them.

        Returns:
            The output `[B, ...]`, or a tuple of all outputs. An SNN returns the time mean of each output, followed by
            each output's steps `[T, B, ...]`.

        Raises:
            InvalidValueError: Named inputs are missing, or do not fit the network.
        """
        return self.graph(self._rows(x))

    def _rows(self, x: Tensor | Mapping[str, Tensor]) -> Tensor:
        """Return a batch as the graph takes it."""
        parts = self.input.parts
        if isinstance(x, Mapping):
            if not parts:
                raise InvalidValueError(
                    f"The network takes one tensor [B, {', '.join(map(str, self.input.sample_shape()))}], and is given "
                    f"a {type(x).__name__}: give the tensor."
                )
            return self.input.packed(x)
        is_rows = x.is_floating_point() and x.dim() == 2 and x.shape[1] == self.input.channels
        if parts and not is_rows:
            if len(parts) > 1:
                raise InvalidValueError(
                    f"The network takes {', '.join(map(str, parts))}, and is given one tensor {list(x.shape)}: give a "
                    "dict of tensors by these names."
                )
            return self.input.packed({parts[0].name: x})
        return x

    def logits(self, x: Tensor | Mapping[str, Tensor]) -> Tensor:
        """Return the first output of a batch, `[B, ...]`: an SNN's is the time mean, `[B, classes]`."""
        out: Tensor | tuple[Tensor, ...] = self(x)
        return out[0] if isinstance(out, tuple) else out

    def copy(self) -> Self:
        """Return a copy that shares nothing with this one, so that surgery never changes a caller's model.

        It has no report: a report's numbers are those of the network that was converted, not of a changed copy.
        """
        graph, provenance = copy.deepcopy(self.graph), copy.deepcopy(self.provenance)
        return replace(self, graph=graph, provenance=provenance, report=None)


class ANN(Model):
    """A network whose activations are real numbers."""


class QuantizedANN(Model):
    """A network whose activations have N levels each (QCFS)."""


class SNN(Model):
    """A network of neurons that spike over T time steps."""

    @property
    def timesteps(self) -> int:
        """T, the number of time steps."""
        return _time_modules(self.graph)[0].timesteps

    @property
    def levels(self) -> int:
        """L, firing levels per step, the most of any site."""
        return max((site.levels for site in _neurons(self.graph)), default=1)

    @property
    def coupling(self) -> Coupling:
        """Coupling of the sites."""
        return next((site.coupling for site in _neurons(self.graph)), Coupling.CAUSAL)

    @property
    def code(self) -> Code | None:
        """Code of the messages under differential coupling, else None."""
        return next((site.code for site in _neurons(self.graph)), None)

    @property
    def octaves(self) -> int | None:
        """K, sizes of a message, the most of any site, where the code is power-of-two; else None."""
        return max((site.octaves for site in _neurons(self.graph) if site.octaves is not None), default=None)


def stage_of(graph: fx.GraphModule) -> Stage:
    """Return the stage that the sites of a graph show."""
    modules = list(graph.modules())
    if any(isinstance(module, (SpikingSite, Steps)) for module in modules):
        return Stage.SNN
    return Stage.QUANTIZED if any(isinstance(module, QuantizedSite) for module in modules) else Stage.ANN


STAGES: dict[Stage, type[Model]] = {Stage.ANN: ANN, Stage.QUANTIZED: QuantizedANN, Stage.SNN: SNN}


@overload
def typed(model: Model) -> Model: ...


@overload
def typed(model: Model, stage: type[M]) -> M: ...


def typed(model: Model, stage: type[Model] = Model) -> Model:
    """Return the network as an instance of the stage that its sites show; the graph is shared.

    Args:
        model: A network whose sites may have been swapped since it was made.
        stage: Class of the stage that it must be at by now.
    """
    kind = STAGES[model.stage]
    assert issubclass(kind, stage)
    return kind(model.graph, model.input, model.outputs, model.provenance, model.report)


def _neurons(graph: fx.GraphModule) -> list[SpikingSite]:
    return [module for module in graph.modules() if isinstance(module, SpikingSite)]


def _time_modules(graph: fx.GraphModule) -> list[SpikingSite | Steps]:
    """Return the modules that state T: layers of neurons first, then read-outs."""
    readouts = [module for module in graph.modules() if isinstance(module, Steps)]
    return [*_neurons(graph), *readouts]
