"""Open the images that a data spec names.

| spec | what |
|---|---|
| `digits` | scikit-learn's embedded digits, 8 x 8 grey, 10 classes |
| `cifar10:DIR`, `cifar100:DIR` | torchvision's folders |
| `imagefolder:DIR` | one subfolder a class, optionally below `train` and `val` or `test` |
| `csv:FILE` | columns `file` and, for labels, `index` |
| `npz:FILE[,FILE...]` | `x`, and `y` for labels |
| `events:FILE` | recordings of an event camera in an `.npz` file (see `events.py`) |
| `tonic:NAME:DIR` | a data set of tonic |

Each may end with a Python slice of the whole, such as `npz:a.npz,b.npz[45000:50000]` or `digits[::2]`.

Where the data are split by purpose, the whole is the part for the purpose.

An image comes to the network's H x W in two steps. Its short side is scaled to `input.resize` (bilinear,
antialiased); where that is None arrays are not scaled, and image files are scaled to
round(max(H, W) * 256 / 224), the usual evaluation transform, unless they are H x W already. Then the centre
is cropped. Where the network leaves H or W open the images' own size is taken.

A recording becomes T frames of event counts `[T, 2, H, W]`, T the network's `input.timesteps`. They are counts and not
pixels in 0..1: nothing divides them but `input.std`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from snnconv.data.arrays import read_digits, read_npz
from snnconv.data.cifar import read_cifar10, read_cifar100
from snnconv.data.dataspec import FORMS, DataSpec, Purpose, parse_spec
from snnconv.data.events import read_events
from snnconv.data.geometry import Geometry
from snnconv.data.imagefolder import read_imagefolder
from snnconv.data.imagelist import read_csv
from snnconv.data.images import Images
from snnconv.data.recordings import Recordings
from snnconv.data.sources import Source
from snnconv.data.tonicsets import read_tonic
from snnconv.errors import DataError, InvalidValueError
from snnconv.model import InputSpec

__all__ = ["DataInfo", "Images", "Purpose", "describe_data", "open_data"]

_READERS: dict[str, Callable[[str, Purpose], Source]] = {
    "digits": read_digits,
    "cifar10": read_cifar10,
    "cifar100": read_cifar100,
    "imagefolder": read_imagefolder,
    "csv": read_csv,
    "npz": read_npz,
    "events": read_events,
    "tonic": read_tonic,
}
assert _READERS.keys() == FORMS.keys()


@dataclass(frozen=True)
class DataInfo:
    """What is known of a data set before it meets a network.

    Attributes:
        channels: channels C of the images; of arrays the shorter of the two axes it can be.
        height: rows H in pixels, or None where images differ.
        width: columns W in pixels, or None where images differ.
        classes: number of classes of the whole data set, or None without labels.
        class_names: names by class index, or None.
        length: number of images, after the slice.
        temporal: whether a sample changes over time, as a recording of events does. It is cut into as many frames as
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
    """Say what a data spec holds, for whoever builds a network for it.

    Args:
        spec: see the head of this file.
        purpose: what the images are for, where the data set is split.

    Raises:
        FileError: a file is missing, damaged or of the wrong kind.
        DataError: the spec is malformed, or its data break a rule of their format.
    """
    source, parsed = _read(spec, purpose)
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


def open_data(spec: str, input: InputSpec, *, purpose: Purpose) -> Images:  # noqa: A002 - its name everywhere
    """Open a data spec for a network.

    Args:
        spec: see the head of this file.
        input: the network's channels, size, layout, normalisation and number of frames, the user's own values applied.
        purpose: what the images are for, where the data set is split.

    Raises:
        FileError: a file is missing, damaged or of the wrong kind.
        DataError: the spec is malformed, or its data do not fit the network.

    >>> from snnconv.model import InputSpec
    >>> x, y = open_data("digits[:3]", InputSpec(1, 8, 8), purpose="eval")[0]
    >>> tuple(x.shape), y
    ((1, 8, 8), 4)
    """
    if not isinstance(input, InputSpec):
        raise InvalidValueError(f"input is a {type(input).__name__}: give the network's own, as in model.input.")
    if input.layout == "NC":
        raise DataError(
            f"{spec!r} names images, the network takes a flat input of {input.channels} values. In Python, give its "
            "samples as an array [n, values], or as (x, y)."
        )
    source, parsed = _read(spec, purpose)
    source = _in_time(source, input, spec).with_channels(input.channels)
    height, width = _target(source, input, spec)
    geometry = source.geometry(height, width, input.resize)
    known = replace(input, height=height, width=width)
    return Images(source, known, geometry, spec=spec, indices=parsed.indices(len(source)))


def _read(spec: str, purpose: Purpose) -> tuple[Source, DataSpec]:
    parsed = parse_spec(spec)
    return _READERS[parsed.scheme](parsed.where, purpose), parsed


def _in_time(source: Source, input: InputSpec, spec: str) -> Source:  # noqa: A002
    """Recordings cut into the network's frames, or images for a network that takes still ones."""
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
            f"{FORMS['events']} or {FORMS['tonic']}, or a network for still images."
        )
    return source


def _target(source: Source, input: InputSpec, spec: str) -> tuple[int, int]:  # noqa: A002
    """H and W of the network, the images' own after scaling where it leaves them open."""
    if input.height is not None and input.width is not None:
        return input.height, input.width
    own = source.size()
    if own is None:
        raise DataError(f"{spec!r} has images of several sizes and the network leaves its own open: give --size N.")
    rows, columns = Geometry.scaled_size(*own, input.resize)
    return (rows if input.height is None else input.height, columns if input.width is None else input.width)
