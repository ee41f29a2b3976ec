"""Results of recipes: the published one, and our own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from snnconv.errors import InvalidValueError
from snnconv.neurons.site import require_positive_int

__all__ = ["Figure", "Measured", "Paper", "require_percent"]

READ = ("paper", "code")  # sources that a verified figure can have


def require_percent(name: str, value: float) -> None:
    """Refuse a number that is no percentage.

    Raises:
        InvalidValueError: The number is below 0 or above 100.
    """
    if not 0 <= value <= 100:
        raise InvalidValueError(f"{name} is {value!r}: it must be a percentage, 0 to 100.")


@dataclass(frozen=True)
class Paper:
    """Publication of the method or the result.

    Attributes:
        section: Section, table or figure; empty for the whole.
    """

    title: str
    authors: str
    venue: str
    year: int
    section: str = ""

    def __str__(self) -> str:
        section = f", {self.section}" if self.section else ""
        return f'{self.authors}, "{self.title}", {self.venue} {self.year}{section}'


@dataclass(frozen=True)
class Figure:
    """Published figure.

    Attributes:
        metric: Name of the metric, such as `top-1 accuracy`.
        value: Value in percent.
        source: Source of the value: read in the paper or in its authors' code, quoted in another paper, or memory.
        verified: True where the value was read in the paper or the code.
        timesteps: T that the value belongs to.
    """

    metric: str
    value: float
    source: Literal["paper", "code", "second-hand", "memory"]
    verified: bool
    timesteps: int

    def __post_init__(self) -> None:
        require_percent("value", self.value)
        require_positive_int("timesteps", self.timesteps)
        if self.verified and self.source not in READ:
            raise InvalidValueError(
                f"verified is true and the source is {self.source}: only a figure that was read in the "
                f"{' or the '.join(READ)} is verified."
            )

    @property
    def status(self) -> str:
        """Verified, second-hand or unverified."""
        if self.verified:
            return "verified"
        return "second-hand" if self.source == "second-hand" else "unverified"


@dataclass(frozen=True)
class Measured:
    """Result of our own run of a recipe.

    Attributes:
        value: Accuracy in percent.
        standard_error: Standard error of the accuracy, in percentage points.
        images: Number of images that the accuracy was measured on.
        epochs: Epochs of every stage; fewer than the recipe's where the run was cut short.
        hardware: Hardware that the network was trained on.
        date: Date of the run.
        command: Command that runs it again.
    """

    value: float
    standard_error: float
    images: int
    epochs: int
    hardware: str
    date: date
    command: str

    def __post_init__(self) -> None:
        require_percent("value", self.value)
        require_percent("standard_error", self.standard_error)
        require_positive_int("images", self.images)
        require_positive_int("epochs", self.epochs)
