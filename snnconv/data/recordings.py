"""Recordings of an event camera, which become frames of event counts when they are asked for."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snnconv.data.geometry import Geometry
from snnconv.data.sources import Fit, Indices, Labels, Source
from snnconv.errors import DataError

__all__ = ["POLARITIES", "Recordings"]

POLARITIES = 2


@dataclass(frozen=True)
class Recordings(Source):
    """Recordings of one sensor; a sample is T frames `[T, 2, H, W]`, channel p the events of polarity p.

    Attributes:
        height: Rows H of the sensor in pixels.
        width: Columns W of the sensor in pixels.
        labels: Class indices `[n]`, or None.
        classes: Class names by index, or None.
        timesteps: T, 1 until a network asks for more.
        step_us: Microseconds that each frame holds, from time 0 on; None: T slices of the same length.
    """

    height: int
    width: int
    labels: Labels | None
    classes: tuple[str, ...] | None
    timesteps: int
    step_us: int | None

    @abstractmethod
    def frames(self, index: int) -> NDArray[np.float32]:
        """Return the events of one recording, counted in T slices of its time, `[T, 2, H, W]`."""

    def with_timesteps(self, timesteps: int, step_us: int | None = None) -> Self:
        """Return the same recordings for a network of T time steps, of the same length or of `step_us` each."""
        return replace(self, timesteps=timesteps, step_us=step_us)

    def own_channels(self) -> int:
        """Return one channel a polarity."""
        return POLARITIES

    def with_channels(self, channels: int) -> Self:
        if channels != POLARITIES:
            raise DataError(
                f"Frames of events have {POLARITIES} channels, one a polarity; the network takes {channels}: give a "
                f"network of {POLARITIES} input channels."
            )
        return self

    def size(self) -> tuple[int, int]:
        return self.height, self.width

    def geometry(self, height: int, width: int, resize: int | None) -> Geometry:
        geometry = Geometry(height, width, resize)
        geometry.check(*self.size())
        return geometry

    def load(self, indices: Indices, fit: Fit) -> Tensor:
        return torch.stack([fit(torch.from_numpy(self.frames(int(index)))) for index in indices])
