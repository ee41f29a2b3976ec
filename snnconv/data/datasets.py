"""Open the images that a data spec names.

The schemes are in `schemes/`, one file each. A spec may end with a Python slice of the whole, such as
`npz:a.npz,b.npz[45000:50000]` or `digits[::2]`; of data that are split by purpose, the whole is one part.

An image comes to the network's H x W in two steps. Its short side is scaled to `input.resize` (bilinear,
antialiased); where that is None arrays are not scaled, and image files are scaled to
round(max(H, W) * 256 / 224), the usual evaluation transform, unless they are H x W already. Then the centre
is cropped. Where the network leaves H or W open the images' own size is taken.

A network whose input is no image takes arrays of `npz` as they are: each named input from the array of its name.

A recording becomes T frames of event counts `[T, 2, H, W]`, T the network's `input.timesteps`. They are counts and not
pixels in 0..1: nothing divides them but `input.std`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from snnconv.data.dataspec import parse_spec, with_labels
from snnconv.data.geometry import Geometry
from snnconv.data.images import Images
from snnconv.data.recordings import Recordings
from snnconv.data.samples import SampleSource, samples_of
from snnconv.data.scheme import SCHEMES, Purpose, recording_forms
from snnconv.data.sources import Source
from snnconv.errors import DataError, InvalidValueError
from snnconv.model import InputSpec

__all__ = ["DataInfo", "Images", "Purpose", "describe_data", "open_data"]


@dataclass(frozen=True)
class DataInfo:
    """The facts of a data set that need no network.

    Attributes:
        channels: Channels C of the images; the shorter of the two axes of an array that can be it.
        height: Rows H in pixels, or None where images differ.
        width: Columns W in pixels, or None where images differ.
        classes: Number of classes of the whole data set, or None without labels.
        class_names: Names by class index, or None.
        length: Number of images, after the slice.
        temporal: True where a sample changes over time, as a recording of events does. It is cut into as many frames as
            the network has time steps, so T is free, and the network's `input.timesteps` must state it.
    """

    channels: int
    height: int | None
    width: int | None
    classes: int | None
    class_names: tuple[str, ...] | None
    length: int
    temporal: bool = False


def describe_data(spec: str, *, purpose: Purpose) -> DataInfo:
    """Return the facts of a data set, for whoever builds a network for it.

    Args:
        spec: Data spec, as at the head of this file.
        purpose: Purpose of the images, which matters where the data set is split.

    Raises:
        FileError: A file is missing, damaged or of the wrong kind.
        DataError: The spec is malformed, or its data break a rule of their format.
    """
    parsed = parse_spec(spec)
    source = SCHEMES[parsed.scheme]().read(parsed.where, purpose)
    height, width = source.size() or (None, None)
    return DataInfo(
        channels=source.own_channels(),
        height=height,
        width=width,
        classes=source.class_count(),
        class_names=source.classes,
        length=len(parsed.indices(len(source))),
        temporal=isinstance(source, Recordings),
    )


def open_data(
    spec: str,
    input: InputSpec,  # noqa: A002 - its name everywhere
    *,
    purpose: Purpose,
    labels: str | None = None,
) -> Images:
    """Open a data spec for a network.

    Args:
        spec: Data spec, as at the head of this file.
        input: Channels, size, layout, normalisation and number of frames of the network, the user's own values applied.
        purpose: Purpose of the images, which matters where the data set is split.
        labels: Name of the array of labels in `.npz` files; None: the spec tells it, or it is `y`.

    Raises:
        FileError: A file is missing, damaged or of the wrong kind.
        DataError: The spec is malformed, or its data do not fit the network.
        InvalidValueError: Numbers of named inputs are outside what the network takes.

    >>> from snnconv.model import InputSpec
    >>> x, y = open_data("digits[:3]", InputSpec(1, 8, 8), purpose="eval")[0]
    >>> tuple(x.shape), y
    ((1, 8, 8), 4)
    """
    if not isinstance(input, InputSpec):
        raise InvalidValueError(f"input is a {type(input).__name__}: give the network's own, as in model.input.")
    spec = with_labels(spec, labels)
    parsed = parse_spec(spec)
    source = SCHEMES[parsed.scheme]().read_for(parsed.where, purpose, input)
    indices = parsed.indices(len(source))
    if isinstance(source, SampleSource):
        return samples_of(source, input, spec=spec, indices=indices)
    if input.layout == "NC":
        inputs = ", ".join(map(str, input.parts)) or f"a flat input of {input.channels} values"
        raise DataError(
            f"{spec!r} names images, the network takes {inputs}. Give its samples as arrays, {SCHEMES['npz'].form}; or "
            "in Python."
        )
    source = _in_time(source, input, spec).with_channels(input.channels)
    height, width = _target(source, input, spec)
    geometry = source.geometry(height, width, input.resize)
    known = replace(input, height=height, width=width)
    return Images(source, known, geometry, spec=spec, indices=indices)


def _in_time(source: Source, input: InputSpec, spec: str) -> Source:  # noqa: A002
    """Return recordings cut into the network's frames, or images for a network that takes still ones."""
    timesteps = input.timesteps
    if isinstance(source, Recordings):
        if timesteps is None:
            raise DataError(
                f"{spec!r} holds recordings that change over time, the network takes still images. Give a spiking "
                "network that was made for frames; in Python, its input states how many: InputSpec(..., timesteps=T)."
            )
        return source.with_timesteps(timesteps, input.step_us)
    if timesteps is not None:
        raise DataError(
            f"{spec!r} holds still images, the network takes recordings of T={timesteps} frames. Give "
            f"{recording_forms()}, or a network for still images."
        )
    return source


def _target(source: Source, input: InputSpec, spec: str) -> tuple[int, int]:  # noqa: A002
    """Return H and W of the network; where it leaves them open, those of the images after scaling."""
    if input.height is not None and input.width is not None:
        return input.height, input.width
    size = source.size()
    if size is None:
        raise DataError(f"{spec!r} has images of several sizes and the network leaves its own open: give --size N.")
    rows, columns = Geometry.scaled_size(*size, input.resize)
    return (rows if input.height is None else input.height, columns if input.width is None else input.width)
