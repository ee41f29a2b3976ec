"""Shape and normalisation of a network's input."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from snnconv.errors import InvalidValueError, ModelError
from snnconv.graph.node import Kind
from snnconv.graph.size import Size, sides_of

__all__ = ["InputPart", "InputSpec", "part_rows"]

Layout = Literal["NCHW", "NHWC", "NC"]
SIZES = ("channels", "height", "width", "resize", "timesteps", "step_us")  # what counts something, of an InputSpec
LARGEST_SIZE = 2**31 - 1
LARGEST_INTEGER = 2**24  # up to which 32-bit floats hold every whole number
LARGEST = {"height": 2**24, "width": 2**24, "resize": 2**24, "step_us": 2**53}  # no product of them passes 64 bits


@dataclass(frozen=True)
class InputPart:
    """One named input of a network.

    Attributes:
        name: Name in the file.
        shape: Shape of one sample, without the batch axis.
        kind: Kind of its numbers: "float", "int" or "bool".
        limit: Number of rows of the embedding that its whole numbers choose from, 0..limit-1; None: there is none.
    """

    name: str
    shape: tuple[int, ...]
    kind: Kind = "float"
    limit: int | None = field(default=None, compare=False)  # the graph tells it

    @property
    def length(self) -> int:
        """Number of its numbers."""
        return math.prod(self.shape)

    def __str__(self) -> str:
        """Return the name and the shape, as `tokens [B, 128] int`."""
        axes = ", ".join(["B", *map(str, self.shape)])
        return f"{self.name} [{axes}]" + ("" if self.kind == "float" else f" {self.kind}")


@dataclass(frozen=True)
class InputSpec:
    """Shape and normalisation of one input, as a network expects it.

    A network of several inputs, or of one that is neither an image nor a flat sample of floating-point numbers, takes
    one row of numbers a sample, which holds its inputs one behind the other: a flat input that has `parts`.

    Attributes:
        channels: Number of channels C; number of features of a flat input.
        height: Rows H; None where the file leaves them open, and for a flat input.
        width: Columns W; None where the file leaves them open, and for a flat input.
        layout: Order of the axes of a batch; "NC" is a flat input, which is no image.
        mean: Values subtracted from pixels in 0..1, one a channel or one for all; None: not known.
        std: Values that divide what is left, one a channel or one for all; None: not known.
        resize: Short side in pixels that an image is scaled to before the centre crop; None: no scaling.
        classes: Class names by index, or None.
        timesteps: Number T of frames of one sample, where the input changes over time; None: it stays the same. The
            graph of an SNN then takes `[T, B, ...]`. That of an ANN takes single frames `[B, ...]` all the same, and
            the number says what its data are.
        step_us: Microseconds that each frame of events holds, from time 0 on; None: the time from the first to the
            last event is cut into T frames of the same length.
        parts: Named inputs that a flat sample is made of, in order; empty where the sample is the one input.
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
    parts: tuple[InputPart, ...] = ()

    @staticmethod
    def of_parts(parts: Sequence[InputPart]) -> InputSpec:
        """Return the input of a network that takes named inputs."""
        return InputSpec(sum(part.length for part in parts), None, None, layout="NC", parts=tuple(parts))

    def __post_init__(self) -> None:
        if self.layout not in get_args(Layout):
            raise InvalidValueError(f"layout is {self.layout!r}: it must be one of {', '.join(get_args(Layout))}.")
        if self.layout == "NC" and (self.height, self.width, self.resize) != (None, None, None):
            raise InvalidValueError(
                f"The network takes a flat input of {self.channels} values, not images: it has no height and width."
            )
        whole = [str(part) for part in self.parts if part.kind != "float"]
        if whole and (self.mean, self.std) != (None, None):
            raise InvalidValueError(f"The network takes {', '.join(whole)} as they are: leave mean and std out.")
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
        """Return the shape of one input without the batch axis, in the network's layout: three axes, or one.

        Where the input changes over time it is the shape of one frame.

        Raises:
            ModelError: The file leaves the height or the width open.
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
        """Axis of a batch's members: 0 of inputs `[B, ...]`, 1 of frames `[T, B, ...]`."""
        return 0 if self.timesteps is None else 1

    def batch_shape(self, batch: int) -> tuple[int, ...]:
        """Return the shape of a batch: `[B, *sample_shape()]`, `[T, B, *sample_shape()]` where inputs change over time.

        >>> InputSpec(2, 34, 34, timesteps=4).batch_shape(8)
        (4, 8, 2, 34, 34)

        Raises:
            ModelError: The file leaves the height or the width open.
        """
        time = () if self.timesteps is None else (self.timesteps,)
        return (*time, batch, *self.sample_shape())

    def batch_of(self, x: Tensor) -> int:
        """Return the number of members B of a batch, `[B, ...]` or `[T, B, ...]`."""
        return x.shape[self.batch_axis]

    def override(
        self,
        *,
        mean: tuple[float, ...] | None = None,
        std: tuple[float, ...] | None = None,
        size: Size | None = None,
        resize: int | None = None,
    ) -> InputSpec:
        """Return a copy in which each value that is not None replaces the network's own.

        Args:
            mean: Values subtracted from pixels in 0..1.
            std: Values that divide what is left.
            size: Height and width, (H, W) or N for both.
            resize: Short side before the centre crop.
        """
        height, width = (self.height, self.width) if size is None else sides_of(size)
        return replace(
            self,
            mean=self.mean if mean is None else mean,
            std=self.std if std is None else std,
            height=height,
            width=width,
            resize=self.resize if resize is None else resize,
        )

    def packed(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return named inputs as one row a sample.

        Args:
            inputs: Tensors `[B, *shape]` by the name of the input; others beside them are not looked at.

        Returns:
            Rows `[B, F]`, float32.

        Raises:
            InvalidValueError: An input is missing, has another shape or batch size, or whole numbers beyond 2**24.
        """
        missing = [str(part) for part in self.parts if part.name not in inputs]
        if missing:
            names = ", ".join(inputs) or "none"
            raise InvalidValueError(f"The network's inputs {', '.join(missing)} are not given; given are: {names}.")
        rows = [part_rows(part, inputs[part.name]) for part in self.parts]
        if len({len(row) for row in rows}) > 1:
            sizes = ", ".join(f"{part.name} {len(row)}" for part, row in zip(self.parts, rows, strict=True))
            raise InvalidValueError(f"The inputs are of different numbers of samples: {sizes}.")
        return torch.cat(rows, 1)

    def unpacked(self, x: Tensor) -> dict[str, Tensor]:
        """Return rows `[B, F]` as named inputs `[B, *shape]`, of the kind of number that each has."""
        kinds = {"float": x.dtype, "int": torch.int64, "bool": torch.bool}
        pieces = torch.split(x, [part.length for part in self.parts], 1)
        return {
            part.name: piece.reshape(len(x), *part.shape).to(kinds[part.kind])
            for part, piece in zip(self.parts, pieces, strict=True)
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-ready form; `parts` where there are any."""
        values = asdict(self)
        del values["parts"]
        if self.parts:
            values["parts"] = [{"name": part.name, "shape": part.shape, "kind": part.kind} for part in self.parts]
        return values

    @staticmethod
    def from_dict(values: dict[str, Any]) -> InputSpec:
        """Read what `to_dict` wrote.

        Raises:
            ValueError, TypeError: A value is missing, unknown, or not of its type.
        """
        known = dict(values)
        for name, kind in (("mean", float), ("std", float), ("classes", str)):
            if known.get(name) is not None:
                known[name] = tuple(kind(value) for value in known[name])
        known["parts"] = tuple(
            InputPart(str(part["name"]), tuple(int(size) for size in part["shape"]), part["kind"])
            for part in known.get("parts", ())
        )
        sizes = [known.get(name) for name in SIZES]
        if sizes[0] is None or any(not isinstance(size, (int, type(None))) for size in sizes):
            raise TypeError(f"its sizes {sizes} are not integers")
        return InputSpec(**known)


def part_rows(part: InputPart, values: Tensor) -> Tensor:
    """Return one named input, `[B, *shape]`, as rows of 32-bit floats, `[B, length]`.

    Raises:
        InvalidValueError: It has another shape, holds fractions where whole numbers are needed, whole numbers outside
            the embedding that reads them, or such beyond 2**24.
    """
    if tuple(values.shape[1:]) != part.shape or not values.dim():
        raise InvalidValueError(f"The input {part.name!r} has shape {list(values.shape)}; the network takes {part}.")
    if part.kind != "float" and values.is_floating_point() and bool((values != values.round()).any()):
        raise InvalidValueError(f"The input {part.name!r} holds fractions; the network takes {part}.")
    if part.kind == "int":
        _require_range(part, values)
    if part.kind == "bool":
        values = values != 0
    return values.to(torch.float32).reshape(len(values), part.length)


def _require_range(part: InputPart, values: Tensor) -> None:
    """Refuse whole numbers that no row of an embedding has, or that 32-bit floats do not hold."""
    if not values.numel():
        return
    lowest, highest = int(values.min()), int(values.max())
    if part.limit is not None and not 0 <= lowest <= highest < part.limit:
        outside = highest if highest >= part.limit else lowest
        raise InvalidValueError(
            f"The input {part.name!r} holds {outside}: its embedding has {part.limit} rows, so whole numbers from 0 to "
            f"{part.limit - 1} are allowed."
        )
    if max(-lowest, highest) > LARGEST_INTEGER:
        raise InvalidValueError(
            f"The input {part.name!r} holds {max(-lowest, highest)}; whole numbers up to {LARGEST_INTEGER} are held "
            "exactly."
        )
