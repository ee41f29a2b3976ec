"""The one artifact that every verb takes and returns: a graph with its stage, input and provenance."""

from __future__ import annotations

import copy
import math
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal, Self, TypeVar, get_args, overload

import torch
from torch import Tensor, fx

from snnconv.errors import InvalidValueError, ModelError
from snnconv.graph.size import Size, sides_of
from snnconv.neurons import QCFS, Coupling, SpikingSite, Steps

__all__ = ["ANN", "SNN", "InputSpec", "Model", "QuantizedANN", "Stage", "rows_of", "stage_of", "typed"]

M = TypeVar("M", bound="Model")

Layout = Literal["NCHW", "NHWC", "NC"]
SIZES = ("channels", "height", "width", "resize", "timesteps", "step_us")  # what counts something, of an InputSpec
LARGEST_SIZE = 2**31 - 1
LARGEST = {"height": 2**24, "width": 2**24, "resize": 2**24, "step_us": 2**53}  # no product of them passes 64 bits


class Stage(StrEnum):
    """How far a network has come."""

    ANN = "ann"
    QUANTIZED = "quantized"
    SNN = "snn"


@dataclass(frozen=True)
class InputSpec:
    """What a network expects of one input.

    Attributes:
        channels: number of channels C; of a flat input the number of features.
        height: rows H, or None where the file leaves them open and of a flat input.
        width: columns W, or None where the file leaves them open and of a flat input.
        layout: order of the axes of a batch; "NC" is a flat input, which is no image.
        mean: per channel, subtracted from pixels in 0..1 (one value counts for all channels); None: not known.
        std: per channel, divides what is left; None: not known.
        resize: short side in pixels that an image is scaled to before the centre crop; None: no scaling.
        classes: class names by index, or None.
        timesteps: number T of frames of one sample, where the input changes over time; None: a still input. The graph
            of an SNN then takes `[T, B, ...]`. That of an ANN takes single frames `[B, ...]` all the same, and the
            number says what its data are.
        step_us: of frames of events, the microseconds that each holds, from time 0 on; None: the time from the first
            to the last event is cut into T of the same length.
    """

    channels: int
    height: int | None
    width: int | None
    layout: Layout = "NCHW"
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    resize: int | None = None
    classes: tuple[str, ...] | None = None
    timesteps: int | None = None
    step_us: int | None = None

    def __post_init__(self) -> None:
        if self.layout not in get_args(Layout):
            raise InvalidValueError(f"layout is {self.layout!r}: it must be one of {', '.join(get_args(Layout))}.")
        if self.layout == "NC" and (self.height, self.width, self.resize) != (None, None, None):
            raise InvalidValueError(
                f"The network takes a flat input of {self.channels} values, not images: it has no height and width."
            )
        for name in ("mean", "std"):
            values = getattr(self, name)
            if values is not None and len(values) not in (1, self.channels):
                raise InvalidValueError(
                    f"{name} has {len(values)} values {values}, the network has {self.channels} input channels: "
                    f"give 1 or {self.channels} values."
                )
            if values is not None and not all(math.isfinite(value) for value in values):
                raise InvalidValueError(f"{name} is {values}: every value must be finite.")
        if self.std is not None and any(not value > 0 for value in self.std):
            raise InvalidValueError(f"std is {self.std}: every value must be above 0.")
        for name in SIZES:
            value = getattr(self, name)
            if value is not None and not 1 <= value <= LARGEST.get(name, LARGEST_SIZE):
                raise InvalidValueError(
                    f"{name} is {value}: it must be at least 1 and at most {LARGEST.get(name, LARGEST_SIZE)}."
                )

    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one input without the batch axis, in the network's layout: three axes of an image, one if flat.

        Of an input that changes over time, the shape of one frame.

        Raises:
            ModelError: the file leaves the height or the width open.
        """
        if self.layout == "NC":
            return (self.channels,)
        if self.height is None or self.width is None:
            raise ModelError("The network leaves its input's height or width open: name it with --size N.")
        if self.layout == "NHWC":
            return (self.height, self.width, self.channels)
        return (self.channels, self.height, self.width)

    @property
    def noun(self) -> str:
        """Return the word for one input: "image", or "sample" where it has no two axes, or changes over time.

        >>> InputSpec(3, 32, 32).noun, InputSpec(40, None, None, layout="NC").noun, InputSpec(1, 1, 16000).noun
        ('image', 'sample', 'sample')
        """
        flat = self.layout == "NC" or 1 in (self.height, self.width)
        return "sample" if flat or self.timesteps is not None else "image"

    @property
    def batch_axis(self) -> int:
        """Axis of a batch's members: 0 of still inputs `[B, ...]`, 1 of frames `[T, B, ...]`."""
        return 0 if self.timesteps is None else 1

    def batch_shape(self, batch: int) -> tuple[int, ...]:
        """Shape of a batch: `[B, *sample_shape()]`, of an input that changes over time `[T, B, *sample_shape()]`.

        >>> InputSpec(2, 34, 34, timesteps=4).batch_shape(8)
        (4, 8, 2, 34, 34)

        Raises:
            ModelError: the file leaves the height or the width open.
        """
        time = () if self.timesteps is None else (self.timesteps,)
        return (*time, batch, *self.sample_shape())

    def batch_of(self, x: Tensor) -> int:
        """Number of members B of a batch, `[B, ...]` or `[T, B, ...]`."""
        return x.shape[self.batch_axis]

    def override(
        self,
        *,
        mean: tuple[float, ...] | None = None,
        std: tuple[float, ...] | None = None,
        size: Size | None = None,
        resize: int | None = None,
    ) -> InputSpec:
        """Return a copy in which each given value replaces the network's own."""
        height, width = (self.height, self.width) if size is None else sides_of(size)
        return replace(
            self,
            mean=self.mean if mean is None else mean,
            std=self.std if std is None else std,
            height=height,
            width=width,
            resize=self.resize if resize is None else resize,
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> InputSpec:
        """Read what `to_dict` wrote.

        Raises:
            ValueError, TypeError: a value is missing, unknown, or not of its type.
        """
        known = dict(values)
        for name, kind in (("mean", float), ("std", float), ("classes", str)):
            if known.get(name) is not None:
                known[name] = tuple(kind(value) for value in known[name])
        sizes = [known.get(name) for name in SIZES]
        if sizes[0] is None or any(not isinstance(size, (int, type(None))) for size in sizes):
            raise TypeError(f"its sizes {sizes} are not integers")
        return InputSpec(**known)


def rows_of(output: Tensor) -> Tensor:
    """Return an output `[B, ...]` as one row of numbers for each member of the batch, `[B, M]`.

    >>> rows_of(torch.zeros(8)).shape, rows_of(torch.zeros(8, 5, 2)).shape
    (torch.Size([8, 1]), torch.Size([8, 10]))
    """
    return output.unsqueeze(-1).flatten(1)


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

    @torch.inference_mode()
    def __call__(self, x: Tensor) -> Any:
        """Run on a batch `[B, *input.sample_shape()]`, already normalised.

        An SNN whose input changes over time takes `input.batch_shape(B)`, that is `[T, B, *input.sample_shape()]`.

        Returns:
            The output `[B, ...]`, or a tuple of all outputs. An SNN returns the time mean of each output, followed by
            each output's steps `[T, B, ...]`.
        """
        return self.graph(x)

    def logits(self, x: Tensor) -> Tensor:
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


def stage_of(graph: fx.GraphModule) -> Stage:
    """Return the stage that the sites of a graph show."""
    modules = list(graph.modules())
    if any(isinstance(module, (SpikingSite, Steps)) for module in modules):
        return Stage.SNN
    return Stage.QUANTIZED if any(isinstance(module, QCFS) for module in modules) else Stage.ANN


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
