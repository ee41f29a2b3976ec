"""Shape and normalisation of a network's input."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from torch import Tensor

from snnconv.errors import InvalidValueError, ModelError
from snnconv.graph.size import Size, sides_of

__all__ = ["InputSpec"]

Layout = Literal["NCHW", "NHWC", "NC"]
SIZES = ("channels", "height", "width", "resize", "timesteps", "step_us")  # what counts something, of an InputSpec
LARGEST_SIZE = 2**31 - 1
LARGEST = {"height": 2**24, "width": 2**24, "resize": 2**24, "step_us": 2**53}  # no product of them passes 64 bits


@dataclass(frozen=True)
class InputSpec:
    """Shape and normalisation of one input, as a network expects it.

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

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-ready form."""
        return asdict(self)

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
        sizes = [known.get(name) for name in SIZES]
        if sizes[0] is None or any(not isinstance(size, (int, type(None))) for size in sizes):
            raise TypeError(f"its sizes {sizes} are not integers")
        return InputSpec(**known)
