"""Choices that a NIR file leaves open to its reader."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from snnconv.errors import InvalidValueError
from snnconv.neurons.site import require_positive_int

__all__ = ["RESETS", "NirReading", "NirReset"]

NirReset = Literal["subtract", "zero"]
RESETS: tuple[str, ...] = get_args(NirReset)
LONGEST_STEP_S = 1e9  # 31 years; times of events are whole microseconds in 64 bits


@dataclass(frozen=True)
class NirReading:
    """How a network of a NIR file is run; None stands for what the file's metadata say, if they do.

    Attributes:
        timesteps: T, steps of one sample.
        reset: Effect of a spike: "subtract" takes the threshold away when a neuron fires; "zero" sets the potential to
            the file's v_reset, which is NIR's own definition and what counts where nothing is said.
        dt: Seconds of one step: of leaky neurons, whose time constants are in seconds, and of frames of events, which
            then hold the events of dt each. Without it a recording is cut into T slices of equal length.
        still: Flag of an input that is one image, the same at each step, and not a frame for each step.

    Raises:
        InvalidValueError: A value is outside what is allowed.
    """

    timesteps: int | None = None
    reset: NirReset | None = None
    dt: float | None = None
    still: bool | None = None

    def __post_init__(self) -> None:
        if self.timesteps is not None:
            require_positive_int("timesteps", self.timesteps)
        if self.reset is not None and self.reset not in RESETS:
            raise InvalidValueError(f"reset is {self.reset!r}: it must be one of {', '.join(RESETS)}.")
        if self.dt is not None and not (math.isfinite(self.dt) and self.dt > 0):
            raise InvalidValueError(f"dt is {self.dt!r}: it must be a number of seconds above 0.")

    def step_us(self) -> int | None:
        """Return dt in whole microseconds; None where it is not given.

        Raises:
            InvalidValueError: it is no whole number of them.
        """
        if self.dt is None:
            return None
        if self.dt > LONGEST_STEP_S:
            raise InvalidValueError(f"dt is {self.dt!r} s: a frame of events is {LONGEST_STEP_S:g} s long at most.")
        whole = round(self.dt * 1e6)
        if whole < 1 or not math.isclose(whole, self.dt * 1e6, rel_tol=1e-9):
            raise InvalidValueError(
                f"dt is {self.dt!r} s: frames of events are whole microseconds long, so it must be a multiple of 1e-6."
            )
        return whole
