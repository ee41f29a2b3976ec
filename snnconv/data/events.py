"""Recordings of an event camera in one `.npz` file: the `events` scheme.

| array | what |
|---|---|
| `train_xyp` | events `[E, 3]`: column x, row y, polarity 0 or 1; any type of integers |
| `train_t_us` | their times `[E]` in microseconds |
| `train_offset` | `[n + 1]`: events offset[i] to offset[i + 1] - 1 are recording i |
| `train_label` | `[n]`, optional: class indices |
| `test_...` | the same for testing; a file with one part serves for both |
| `height`, `width` | optional: rows and columns of the sensor, else as far as any event of the file lies |
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snnconv.data.archive import held_arrays, read_arrays
from snnconv.data.recordings import POLARITIES, Recordings
from snnconv.data.scheme import SCHEMES, Purpose
from snnconv.data.sources import to_labels
from snnconv.errors import DataError

__all__ = ["EventSource", "event_frames", "read_events", "time_slices"]

PARTS = ("train", "test")
LATEST_US = 2**53  # 285 years
MOST_PIXELS = 1 << 22  # of a sensor, four times the largest there are: damaged events must not ask for all the memory
MAKE = "numpy.savez(FILE, train_xyp=..., train_t_us=..., train_offset=..., train_label=...)"

Array = NDArray[Any]


def time_slices(t_us: Array, timesteps: int) -> NDArray[np.int64]:
    """Return the slice that each event of a recording is in, of T slices of the same length.

    Slice min(T - 1, floor(T·(t - t_0)/(t_1 - t_0))), computed without rounding; t_0 and t_1 are the times of the first
    and the last event. An event on the border of two slices is in the later one.

    Args:
        t_us: Times `[E]` in whole microseconds, in any order; not empty.
        timesteps: T.

    Returns:
        Slices `[E]`, in 0..T-1; all 0 where the events have one time.

    >>> time_slices(np.array([10, 14, 15, 20]), 2).tolist()
    [0, 0, 1, 1]
    """
    elapsed = t_us - t_us.min()
    span = max(1, int(elapsed.max()))
    starts = np.array([-(-k * span // timesteps) for k in range(1, timesteps)], np.int64)
    slices: NDArray[np.int64] = np.searchsorted(starts, elapsed.astype(np.int64), side="right")
    return slices


def event_frames(
    xyp: Array, t_us: Array, timesteps: int, height: int, width: int, step_us: int | None = None
) -> NDArray[np.float32]:
    """Count the events of one recording in T slices of its time.

    Args:
        xyp: Events `[E, 3]`: column x < W, row y < H, polarity 0 or 1.
        t_us: Times of the events, `[E]`, in microseconds.
        timesteps: T.
        height: Rows H of the sensor.
        width: Columns W of the sensor.
        step_us: Microseconds a slice, from time 0 of the recording on, what is later than T of them left out; None:
            slices of the same length between the first and the last event, as in `time_slices`.

    Returns:
        Counts `[T, 2, H, W]`; all 0 without events.

    Raises:
        DataError: Every event is later than T slices of `step_us`.

    >>> event_frames(np.array([[1, 0, 1], [1, 0, 1]]), np.array([5, 6]), 1, 1, 2)[0, 1].tolist()
    [[0.0, 2.0]]
    """
    shape = (timesteps, POLARITIES, height, width)
    if not len(t_us):
        return np.zeros(shape, np.float32)
    if step_us is None:
        slices = time_slices(t_us, timesteps)
    else:
        slices = t_us.astype(np.int64) // step_us
        within = slices < timesteps
        if not within.any():
            raise DataError(
                f"A recording begins at {t_us.min()} microseconds, after all {timesteps} frames of {step_us} that are "
                "counted from its time 0: let its times begin near 0, or take more or longer frames."
            )
        xyp, slices = xyp[within], slices[within]
    x, y, polarity = xyp.T.astype(np.int64)
    places = np.ravel_multi_index((slices, polarity, y, x), shape)
    return np.bincount(places, minlength=timesteps * POLARITIES * height * width).reshape(shape).astype(np.float32)


@dataclass(frozen=True)
class EventSource(Recordings):
    """Recordings in memory, a few bytes an event; frames are made when they are asked for.

    Attributes:
        xyp: Events of all recordings, `[E, 3]`.
        t_us: Times of the events, `[E]`, in microseconds.
        offset: First event of each recording, and the end of the last one, `[n + 1]`.
    """

    xyp: Array
    t_us: Array
    offset: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offset) - 1

    def frames(self, index: int) -> NDArray[np.float32]:
        events = slice(self.offset[index], self.offset[index + 1])
        return event_frames(self.xyp[events], self.t_us[events], self.timesteps, self.height, self.width, self.step_us)


def read_events(where: str, purpose: Purpose) -> EventSource:
    """Read one part of an event file: the test part for evaluation, else the training part; the only one for both.

    Raises:
        FileError: The file is missing, damaged or no `.npz`, or holds pickled objects.
        DataError: Arrays are missing, of a wrong shape or type, or do not agree with each other.
    """
    path = Path(os.path.expanduser(where.strip()))
    order = tuple(reversed(PARTS)) if purpose == "eval" else PARTS
    form = repr(SCHEMES["events"].form)
    names = list(held_arrays(path, form=form, make=MAKE))
    arrays = read_arrays(path, _arrays_of(names, order), form=form, make=MAKE)
    part = _part(names, order)
    if part is None:
        raise DataError(f"{path} holds {names or 'nothing'}: recordings are {_listed('train')}, or the same of test.")
    missing = [f"{part}_{key}" for key in ("xyp", "t_us", "offset") if f"{part}_{key}" not in arrays]
    if missing:
        raise DataError(f"{path} lacks {', '.join(missing)}: recordings are {_listed(part)}.")
    xyp, t_us, offset = (arrays[f"{part}_{key}"] for key in ("xyp", "t_us", "offset"))
    _check_times(t_us, len(xyp), f"{path}: '{part}_t_us'")
    offsets = _offsets(offset, len(xyp), f"{path}: '{part}_offset'")
    height, width = _sensor(arrays, path)
    label = arrays.get(f"{part}_label")
    labels = None if label is None else to_labels(label, len(offsets) - 1, f"{path}: '{part}_label'")
    return EventSource(height, width, labels, None, 1, None, xyp, t_us, offsets)


def _part(names: Sequence[str], order: Sequence[str]) -> str | None:
    """Return the part that is taken: the first of which there is anything."""
    return next((part for part in order if any(name.startswith(f"{part}_") for name in names)), None)


def _arrays_of(names: Sequence[str], order: Sequence[str]) -> list[str]:
    """Return every array of the part that is taken, and the events of the other one, which lie on the same sensor."""
    part = _part(names, order)
    if part is None:
        return []
    arrays = [f"{part}_{key}" for key in ("xyp", "t_us", "offset", "label")]
    return [*arrays, "height", "width", *(f"{other}_xyp" for other in order if other != part)]


def _listed(part: str) -> str:
    return f"'{part}_xyp' [E,3], '{part}_t_us' [E], '{part}_offset' [n+1] and, for labels, '{part}_label' [n]"


def _sensor(arrays: Mapping[str, Array], path: Path) -> tuple[int, int]:
    """Return rows and columns: those that the file states, else as far as any of its events lies."""
    events = {name: array for name, array in arrays.items() if name.endswith("_xyp")}
    for name, xyp in events.items():
        _check_events(xyp, f"{path}: '{name}'")
    furthest = [tuple(int(value) for value in xyp.max(0)) for xyp in events.values() if len(xyp)]
    rows, columns = (1 + max((event[axis] for event in furthest), default=-1) for axis in (1, 0))
    height, width = (_stated(arrays, name, path) for name in ("height", "width"))
    if (height is None) != (width is None):
        raise DataError(f"{path} states its sensor's height {height} and width {width}: give both, or neither.")
    if height is None or width is None:
        height, width = rows, columns
    if not height:
        raise DataError(f"{path} holds no event: state the sensor's size as numbers 'height' and 'width'.")
    if rows > height or columns > width:
        raise DataError(
            f"{path} has an event in column {columns - 1} or row {rows - 1} (counted from 0), outside its sensor of "
            f"{height} x {width} pixels (height x width)."
        )
    if height * width > MOST_PIXELS:
        raise DataError(
            f"{path} has a sensor of {height} x {width} pixels (height x width), {MOST_PIXELS} pixels at most are "
            "read: its events are damaged, or x, y and polarity are not in this order."
        )
    return height, width


def _stated(arrays: Mapping[str, Array], name: str, path: Path) -> int | None:
    if name not in arrays:
        return None
    value = arrays[name]
    if value.size != 1 or value.dtype.kind not in "iu" or int(value.reshape(())) < 1:
        raise DataError(f"{path}: {name!r} must be one whole number of pixels >= 1.")
    return int(value.reshape(()))


def _check_events(xyp: Array, where: str) -> None:
    if xyp.ndim != 2 or xyp.shape[1] != 3 or xyp.dtype.kind not in "iu":
        raise DataError(
            f"{where} has shape {list(xyp.shape)} and type {xyp.dtype}; allowed are integers [E,3]: column x, row y, "
            "polarity."
        )
    if not len(xyp):
        return
    if xyp.min() < 0:
        raise DataError(f"{where} holds {xyp.min()}: columns, rows and polarities are >= 0.")
    if xyp[:, 2].max() >= POLARITIES:
        raise DataError(f"{where} holds the polarity {xyp[:, 2].max()}: allowed are 0 (darker) and 1 (brighter).")


def _check_times(t_us: Array, events: int, where: str) -> None:
    rule = f"allowed is one whole number of microseconds, 0 to {LATEST_US}, for each of the {events} events."
    if t_us.shape != (events,) or t_us.dtype.kind not in "iu":
        raise DataError(f"{where} has shape {list(t_us.shape)} and type {t_us.dtype}; {rule}")
    if events and (t_us.min() < 0 or t_us.max() > LATEST_US):
        raise DataError(f"{where} holds times from {t_us.min()} to {t_us.max()}; {rule}")


def _offsets(offset: Array, events: int, where: str) -> NDArray[np.int64]:
    rule = f"allowed are whole numbers that start at 0, never fall, and end at the number of events, {events}."
    if offset.ndim != 1 or offset.dtype.kind not in "iu":
        raise DataError(f"{where} has shape {list(offset.shape)} and type {offset.dtype}; {rule}")
    if len(offset) < 2:
        raise DataError(f"{where} has {len(offset)} values, which is no recording: at least one is needed.")
    falls = offset[1:] < offset[:-1]
    if falls.any():
        first = int(falls.argmax())
        raise DataError(f"{where} falls from {offset[first]} to {offset[first + 1]} at recording {first}; {rule}")
    if offset[0] != 0 or offset[-1] != events:
        raise DataError(f"{where} goes from {offset[0]} to {offset[-1]}; {rule}")
    return offset.astype(np.int64)
