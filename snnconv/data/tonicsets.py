"""The event data sets of tonic, with its own cutting into frames: the `tonic` scheme, an optional extra.

`tonic.transforms.ToFrame` cuts a recording into T slices of floor((t_1 - t_0)/T) each; what is left at its end, the
last event at least, is in none of them.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snnconv.data.events import event_frames
from snnconv.data.recordings import POLARITIES, Recordings
from snnconv.data.scheme import SCHEMES, Purpose
from snnconv.data.sources import to_labels
from snnconv.errors import DataError, SnnconvError, is_out_of_memory
from snnconv.registry import near_names

__all__ = ["NAMES", "TonicSource", "read_tonic"]

NAMES = ("ASLDVS", "CIFAR10DVS", "DVSGesture", "DVSLip", "NMNIST")
"""Data sets with one class a recording, from a camera of one size with two polarities."""


@dataclass(frozen=True)
class TonicSource(Recordings):
    """Recordings that tonic reads from its files one by one.

    Attributes:
        dataset: Data set of tonic, whose items are (events, target).
        name: Name of its class.
    """

    dataset: Any
    name: str

    def __len__(self) -> int:
        return len(self.dataset)

    def frames(self, index: int) -> NDArray[np.float32]:
        shape = (self.timesteps, POLARITIES, self.height, self.width)
        cut = _tonic().transforms.ToFrame(sensor_size=(self.width, self.height, POLARITIES), n_time_bins=self.timesteps)
        try:
            events = self.dataset[index][0]
            if self.step_us is not None:
                xyp = np.stack([events[axis] for axis in "xyp"], 1).astype(np.int64)
                return event_frames(xyp, events["t"], self.timesteps, self.height, self.width, self.step_us)
            counts = cut(events) if len(events) else np.zeros(shape)
        except SnnconvError:
            raise
        except Exception as error:  # whatever a reader of a dozen file formats raises
            if is_out_of_memory(error):
                raise
            raise DataError(
                f"tonic cannot read recording {index} of {self.name} ({type(error).__name__}: {error})."
            ) from error
        frames = np.asarray(counts, np.float32)
        if frames.shape != shape:
            raise DataError(
                f"tonic cuts recording {index} of {self.name} into frames {list(frames.shape)}, not {list(shape)}."
            )
        return frames


def read_tonic(where: str, purpose: Purpose) -> TonicSource:
    """Open a data set of tonic that lies in a folder already; nothing is downloaded.

    Where tonic splits it, evaluation takes the test part and everything else the training part.

    Args:
        where: Place in the form `NAME:DIR`.
        purpose: Purpose of the recordings.

    Raises:
        DataError: Tonic is not installed, has no such data set, or cannot read it; or its files are not there.
    """
    name, _, folder = (part.strip() for part in where.partition(":"))
    if name not in NAMES:
        guess = "".join(f" Did you mean {near}?" for near in near_names(name, NAMES, most=1))
        raise DataError(f"tonic:{where} names no data set that is taken.{guess} Known: {', '.join(NAMES)}.")
    if not folder:
        raise DataError(f"tonic:{where} does not say where the data are. Write {SCHEMES['tonic'].form!r}.")
    kind = getattr(_tonic().datasets, name, None)
    if kind is None:
        raise DataError(f"This version of tonic has no {name}. Upgrade it: pip install --upgrade tonic.")
    options = {"train": purpose != "eval"} if "train" in inspect.signature(kind).parameters else {}
    dataset = _open(kind, folder, options)
    width, height, polarities = kind.sensor_size
    assert polarities == POLARITIES
    labels = to_labels(dataset.targets, len(dataset), f"tonic:{where}")
    return TonicSource(int(height), int(width), labels, _class_names(kind), 1, None, dataset, name)


def _tonic() -> Any:
    try:
        return import_module("tonic")
    except ImportError as error:
        raise DataError(
            f"Data of tonic need the package tonic, which cannot be imported ({error}). Install it with "
            "pip install 'snnconv[events]'."
        ) from error


def _open(kind: Any, folder: str, options: Mapping[str, Any]) -> Any:
    """Return a data set that finds its files; tonic's classes would download them where they are missing."""
    arguments = "".join(f", {name}={value}" for name, value in options.items())
    missing = DataError(
        f"{kind.__name__} is not in {folder!r}, and nothing is downloaded unasked. Fetch it once with tonic itself: "
        f"python -c \"import tonic; tonic.datasets.{kind.__name__}('{folder}'{arguments})\""
    )

    def refuse(self: Any) -> None:
        raise missing

    # tonic names the folder after the class
    local = type(kind.__name__, (kind,), {"download": refuse})
    try:
        dataset = local(save_to=folder, **options)
    except SnnconvError:
        raise
    except Exception as error:  # whatever tonic raises on files that are damaged
        if is_out_of_memory(error):
            raise
        raise DataError(
            f"tonic cannot open {kind.__name__} in {folder!r} ({type(error).__name__}: {error})."
        ) from error
    if not len(dataset):
        raise missing
    dataset.__class__ = kind  # a worker process can be given an instance of an importable class only
    return dataset


def _class_names(kind: Any) -> tuple[str, ...] | None:
    """Return names in the order of their indices: tonic has a list of them, or a dictionary of indices."""
    known = getattr(kind, "classes", None)
    if isinstance(known, Mapping):
        return tuple(sorted(map(str, known), key=lambda name: int(known[name])))
    return None if known is None else tuple(str(name) for name in known)
